"""PostgreSQL tables kept from one test for the next: emptied and put aside, since making them anew takes far longer.

They are used again only if no definition of theirs, nor a right or a statistic, has changed since they were made.
"""

from collections.abc import Callable
from typing import Any

from zenctx.database.schema import REVISION_TABLE, REVISIONS

SHELF = "zenctx_test_shelf"

_PUBLIC = "(select to_regnamespace('public'))"
_OF_SCHEMA = f"oid >= 16384 and {{}} = {_PUBLIC}"
"""In the schema; the first part, which is true of all that is not PostgreSQL's own, is what an index finds."""
_OF_TABLE = "{} = any(array(select oid from mine))"
_CATALOGS = {
    "pg_class": _OF_SCHEMA.format("relnamespace"),
    "pg_type": _OF_SCHEMA.format("typnamespace"),
    "pg_proc": _OF_SCHEMA.format("pronamespace"),
    "pg_constraint": _OF_SCHEMA.format("connamespace"),
    "pg_enum": "true",
    "pg_attribute": _OF_TABLE.format("attrelid"),
    "pg_attrdef": _OF_TABLE.format("adrelid"),
    "pg_index": _OF_TABLE.format("indrelid"),
    "pg_trigger": _OF_TABLE.format("tgrelid"),
    "pg_policy": _OF_TABLE.format("polrelid"),
    "pg_rewrite": _OF_TABLE.format("ev_class"),
    "pg_statistic_ext": _OF_TABLE.format("stxrelid"),
    "pg_statistic": _OF_TABLE.format("starelid"),
}
# A change of a definition writes a new version of its row in a catalog, with the transaction that did it: nothing has
# changed where there are as many rows as there were, none of them younger. To look at every row takes far longer.
_STATE = """
    with mine as materialized (select oid, relname, relkind, relpages, reltuples from pg_class where {of_schema}),
    rows (catalog, number, age) as ({rows}),
    noted (text) as (select obj_description({public}, 'pg_namespace'))
    select
        (select text from noted),
        (select age(substring(text from '^[0-9]+')::xid) from noted),
        min(age),
        concat_ws(
            ' ', string_agg(number::text, ' ' order by catalog),
            (select concat_ws(' ', nspowner, nspacl) from pg_namespace where nspname = 'public')
        ),
        array(
            select 'public.' || quote_ident(relname) from mine
            where relkind = 'r' and relname <> '{revision}'
                and (pg_relation_size(oid) > 0 or relpages > 0 or reltuples > -1)
        )
    from rows""".format(
    of_schema=_CATALOGS["pg_class"],
    rows=" union all ".join(
        f"select '{name}', count(*), min(age(xmin)) from {name} where {condition}"
        for name, condition in _CATALOGS.items()
    ),
    public=_PUBLIC,
    revision=REVISION_TABLE,
)
_NOTE = "do $do$ begin execute format('comment on schema public is %L', pg_current_xact_id()::xid || {}); end $do$"
# What says of which revision our tables are is not emptied, but as it was.
_SAME_REVISION = f"""
    delete from public.{REVISION_TABLE} where version_num <> '{REVISIONS[-1]}';
    insert into public.{REVISION_TABLE} select '{REVISIONS[-1]}' where not exists (select from public.{REVISION_TABLE})
"""

Run = Callable[[str], list[tuple[Any, ...]]]
"""Runs statements, in a transaction of their own, and gives the rows of the first."""


def note(run: Run) -> None:
    """Note that the tables in the schema `public` are as they were made, and empty."""
    ((_noted, _since, _youngest, found, _used),) = run(_STATE)
    run(_noting(found))


def _noting(found: str) -> str:
    """Give the statement that writes down in which transaction all was as found."""
    return _NOTE.format("' " + found.replace("'", "''") + "'")


def shelve(run: Run) -> None:
    """Empty the tables in the schema `public` and put them aside, if they are as they were when they were noted."""
    ((noted, since, youngest, found, used),) = run(_STATE)
    if noted is None or found != noted.partition(" ")[2] or youngest < since:
        return
    empty = [f"truncate {', '.join(used)} restart identity cascade", _noting(found)] if used else []
    put_aside = ("select pg_stat_reset()", f"alter schema public rename to {SHELF}")
    run("; ".join((f"drop schema if exists {SHELF} cascade", _SAME_REVISION, *empty, *put_aside)))


def unshelve(run: Run) -> bool:
    """Put the tables back in place of the empty schema `public`; False where there are none."""
    if not run(f"select 1 from pg_namespace where nspname = '{SHELF}'"):
        return False
    run(f"drop schema public; alter schema {SHELF} rename to public")
    return True
