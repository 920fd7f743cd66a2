"""Other people's readers over our cards."""
