r"""SQLite's values as text and back: SQLite stores what it is given in any column, and each kind has to come back.

| class of storage | as text |
|---|---|
| `text` that is UTF-8 | itself; no class is named |
| `text` that is not | its bytes in hex, `\x...` |
| `integer` | its digits |
| `real` | the shortest digits that give the same number again, `inf`, `-inf` |
| `blob` | its bytes in hex, `\x...` |
"""

TEXT, INTEGER, REAL, BLOB = "text", "integer", "real", "blob"

_HEX = "\\x"


class UndecodableText(bytes):
    """The bytes of a stored text that are not UTF-8."""


def read_text(stored: bytes) -> str | UndecodableText:
    """Gives a stored text; for a connection's `text_factory`, so that no text stops the driver."""
    try:
        return stored.decode()
    except UnicodeDecodeError:
        return UndecodableText(stored)


def spell(value: object) -> tuple[str | None, str | None]:
    """Gives the text of a value as the driver reads it, and the class of its storage where the text does not tell it.

    TypeError for what no driver gives.
    """
    match value:
        case None:
            return None, None
        case str():
            return value, None
        case int():
            return str(value), INTEGER
        case float():
            return repr(value), REAL
        case UndecodableText():
            return _HEX + value.hex(), TEXT
        case bytes():
            return _HEX + value.hex(), BLOB
        case _:
            raise TypeError(f"SQLite has no {type(value).__name__}")


def parameter(text: str | None, storage: str | None) -> tuple[str, object]:
    """Gives the expression with one `?` that stores what `spell` gave, and the value to bind.

    ValueError for a text that `spell` does not give for this class.
    """
    if text is None or storage is None:
        return "?", text
    if storage == INTEGER:
        return "?", int(text)
    if storage == REAL:
        return "?", float(text)
    if storage not in (TEXT, BLOB) or not text.startswith(_HEX):
        raise ValueError(f"no text of a value stored as {storage}")
    return ("cast(? as text)" if storage == TEXT else "?"), bytes.fromhex(text.removeprefix(_HEX))
