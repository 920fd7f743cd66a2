"""The one error of this package."""


class CardError(ValueError):
    """This cannot be read or written as a card; the message names the place and the remedy."""
