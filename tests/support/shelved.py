"""PostgreSQL tables kept from one test for the next: emptied and put aside, since making them anew takes far longer.

They are used again only if no definition of theirs, nor a right or a statistic, has changed since they were made.
"""

from collections.abc import Callable
from typing import Any

SHELF = "zenctx_test_shelf"

# A change of a definition writes a new version of its row in a catalog, with the transaction that did it.
# Asked once: without the brackets the server would look the name up for each row of a catalog.
_PUBLIC = "(select to_regnamespace('public'))"
_OF_SCHEMA = f"{{}} = {_PUBLIC}"
_OF_TABLE = f"{{}} in (select oid from pg_class where relnamespace = {_PUBLIC})"
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
_FINGERPRINT = "select md5(string_agg(version, ' ' order by version)) from ({}) as versions".format(
    " union all ".join(
        f"select concat_ws(' ', '{name}', xmin, ctid) as version from {name} where {condition}"
        for name, condition in _CATALOGS.items()
    )
    + " union all select concat_ws(' ', nspowner, nspacl) from pg_namespace where nspname = 'public'"
)
# All at once: to ask one after the other takes longer than what is asked.
_STATE = f"""
    select obj_description(to_regnamespace('public'), 'pg_namespace'), ({_FINGERPRINT}), array(
        select 'public.' || quote_ident(relname) from pg_class
        where relnamespace = {_PUBLIC} and relkind = 'r'
            and (pg_relation_size(oid) > 0 or relpages > 0 or reltuples > -1)
    )"""
_NOTE = f"do $do$ begin execute format('comment on schema public is %L', ({_FINGERPRINT})); end $do$"

Run = Callable[[str], list[tuple[Any, ...]]]
"""Runs statements, in a transaction of their own, and gives the rows of the first."""


def note(run: Run) -> None:
    """Note that the tables in the schema `public` are as they were made, and empty."""
    run(_NOTE)


def shelve(run: Run) -> None:
    """Empty the tables in the schema `public` and put them aside, if they are as they were when they were noted."""
    ((noted, found, used),) = run(_STATE)
    if noted is None or found != noted:
        return
    empty = [f"truncate {', '.join(used)} restart identity cascade", _NOTE] if used else []
    put_aside = ("select pg_stat_reset()", f"alter schema public rename to {SHELF}")
    run("; ".join((f"drop schema if exists {SHELF} cascade", *empty, *put_aside)))


def unshelve(run: Run) -> bool:
    """Put the tables back in place of the empty schema `public`; False where there are none."""
    if not run(f"select 1 from pg_namespace where nspname = '{SHELF}'"):
        return False
    run(f"drop schema public; alter schema {SHELF} rename to public")
    return True
