"""JSON of PostgreSQL as the bytes that the server sent: UTF-8, neither decoded nor encoded again.

psycopg would parse a `jsonb`, and a float round trip changes numbers. Cast to text it would be decoded, and encoded by
us: for a context of 60 KB that takes as long as all the rest of reading it. And the cast alone costs the server more
than twice what sending the value costs, for it copies the text several times.
"""

from typing import Any

from psycopg.adapt import Buffer, Loader


class _BytesLoader(Loader):
    def load(self, data: Buffer) -> bytes:
        return bytes(data)


def give_json_as_bytes(cursor: Any) -> None:
    """Makes a cursor of psycopg give `jsonb` and `json` as the bytes of their text; results in the text format only."""
    for name in ("jsonb", "json"):
        cursor.adapters.register_loader(name, _BytesLoader)
