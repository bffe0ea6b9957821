"""What the rows say of files, and where that comes from: the types that both databases speak in."""

from typing import NamedTuple

from zenctx.context.datastruct import DataStruct
from zenctx.database.rows import StoredTime


class Sources(DataStruct, frozen=True):
    """Where references come from: which tables there are, and what a context must hold to name a file.

    `marks`: one of these texts; None where nothing can be said. `encoded`: one of these, beside a value of type JSON.
    `base`: how a locator of zenctx begins, up to the slash before the name; None where texts are not taken apart by it.
    """

    marks: tuple[str, ...] | None
    encoded: tuple[str, ...] = ()
    base: str | None = None
    has_own_tables: bool = True
    soft_deleted: bool = False
    has_projects: bool = False
    has_retries: bool = False


class ReferenceRow(NamedTuple):
    """One run. `text` is None where the context names no file; `is_object` is None where only the text can tell.

    `behind_base` in the place of a text: of each string that begins with the base what stands behind that, with a quote
    before it; nothing else in the context can name a file. What stands before the first quote means nothing.
    `state_at` and `state_version`: of its runtime state, if it has one; `deleted_at`: of its workflow or project, where
    that was asked for; `retry_at`: when the engine will try it again.
    """

    run_id: str
    status: str
    stored_start: StoredTime
    stored_end: StoredTime
    has_context: bool
    is_object: bool | None
    text: bytes | None
    state_at: StoredTime = None
    state_version: int | None = None
    deleted_at: StoredTime = None
    behind_base: str | None = None
    retry_at: StoredTime = None
