"""Reads the application's settings from one JSON text, as Spring takes it from a variable."""

import json
from collections.abc import Iterator

from zenctx.config.spring.model import Entry
from zenctx.errors import SettingsError


def read_json(text: str, name: str) -> Iterator[list[Entry]]:
    """Gives the entries of one document, keys joined as in YAML. `name` is how messages call the text.

    An empty text has none. Raises SettingsError for what is not a JSON object.
    """
    if not text.strip():
        return
    try:
        # As texts: numbers stay as they are written.
        root = json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
        entries = list(_entries(root, ""))
    except (ValueError, RecursionError):
        raise SettingsError(f"{name} is not valid JSON") from None
    if not isinstance(root, dict):
        raise SettingsError(f"{name} is not a JSON object")
    yield entries


def _entries(value: object, key: str) -> Iterator[Entry]:
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from _entries(item, f"{key}.{name}" if key else name)
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from _entries(item, f"{key}[{index}]")
    else:
        text = str(value).lower() if isinstance(value, bool) else str(value or "")
        yield Entry(key, text, text, 0)
