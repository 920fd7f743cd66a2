"""The formats that cards are written in, by the names of the API."""

FORMATS = ("json", "v1", "v2", "v3", "tavernai", "charx", "worldinfo", "yaml", "markdown")
BOOK_FORMATS = ("worldinfo", "character_book", "lorebook_v3")
USUAL = ("json", "v2", "tavernai")  # what is made when nothing was said
