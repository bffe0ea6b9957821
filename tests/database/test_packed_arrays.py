"""Arrays packed by ourselves are those that the server reads."""

from uuid import uuid4

from tests.support.rows import Rows
from zenctx.database.packed_arrays import Ids, Texts, take_packed_arrays


def test_packed_arrays_arrive_as_they_are(postgresql_rows: Rows) -> None:
    """Texts of any length and character, and ids; empty arrays, too."""
    texts = ["", "a", "é\U0001f680", '{"a":"\\u0000"}', "x" * 100_000]
    ids = [str(uuid4()) for _ in range(3)]
    with postgresql_rows.database.connect() as connection:
        cursor = connection.connection.cursor()
        take_packed_arrays(cursor)
        cursor.execute("select %b, %b::text[]", (Texts(text.encode() for text in texts), Ids(ids)))
        assert cursor.fetchone() == (texts, ids)
        cursor.execute("select cardinality(%b), cardinality(%b)", (Texts(), Ids()))
        assert cursor.fetchone() == (0, 0)
