"""How many cells of a terminal a text takes."""


def cell_len(text: str) -> int:
    """Gives the width of harmless text: one cell a character, two for wide ones such as Chinese, none for marks."""
    if text.isascii():
        return len(text)
    # Lazy: most tables are plain text.
    from rich.cells import cell_len as measure

    return measure(text)
