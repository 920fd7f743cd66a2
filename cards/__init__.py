"""Pure card knowledge: formats, pictures, text, checks. No I/O, no framework."""
