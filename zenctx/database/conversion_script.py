"""The SQL script that converts contexts without zenctx, for those who may run nothing but SQL (PostgreSQL)."""

import re
from importlib.resources import files
from io import StringIO

from alembic import command

from zenctx import __version__
from zenctx.database.engine import POSTGRESQL
from zenctx.database.locks import UPGRADE_LOCK, Lock, advisory_key
from zenctx.database.revisions import alembic_config
from zenctx.database.schema import REVISIONS

_TEMPLATE = "convert.sql"
_STEP = """\
    if found_revision {test} then
{sql}
        found_revision := '{revision}';
    end if;"""
_RETURNING = re.compile(r" RETURNING [^;]+;")
"""A result that nobody takes is an error in a block of PL/pgSQL."""


def conversion_script(memory_threshold: int) -> str:
    """Gives the script. Values whose estimated size in bytes is above `memory_threshold` are left to `migrate`."""
    filled = {
        "version": __version__,
        "memory_threshold": str(memory_threshold),
        "upgrade_lock": str(UPGRADE_LOCK),
        "migration_lock": str(advisory_key(Lock.MIGRATION)),
        "content_lock": str(advisory_key(Lock.CONTENT)),
        "head": REVISIONS[-1],
        "tables": _steps(),
    }
    template = files("zenctx.database").joinpath(_TEMPLATE).read_text(encoding="utf-8")
    return re.sub("@([a-z_]+)@", lambda match: filled[match[1]], template)


def _steps() -> str:
    """Each revision of our tables, made where the database stands just before it."""
    before = ["base", *REVISIONS[:-1]]
    return "\n".join(_step(old, new) for old, new in zip(before, REVISIONS, strict=True))


def _step(old: str, new: str) -> str:
    output = StringIO()
    config = alembic_config(output=output)
    config.attributes["dialect"] = POSTGRESQL
    command.upgrade(config, f"{old}:{new}", sql=True)
    statements = output.getvalue().strip().removeprefix("BEGIN;").removesuffix("COMMIT;")
    lines = _RETURNING.sub(";", statements).splitlines()
    sql = "\n".join(f"        {line.rstrip()}" for line in lines if line.strip())
    return _STEP.format(test="is null" if old == "base" else f"= '{old}'", sql=sql, revision=new)
