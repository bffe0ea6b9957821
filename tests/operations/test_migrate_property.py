"""Convert and reverse is the identity on arbitrary JSON objects, and twice is the same as once."""

from collections.abc import Sequence

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from tests.operations.world import LEGACY, World
from tests.support.json_texts import contexts, suspicious_contexts

SIZE = 24
"""Contexts in one example: the databases are asked for many at once."""

OPTIONS = st.fixed_dictionaries(
    {
        "engine-reads": st.sampled_from(["published", "all"]),
        "memory-threshold-bytes": st.sampled_from(["1048576", "40"]),
        "json-threshold-bytes": st.sampled_from(["2097152", "60"]),
        "inline-file-threshold-bytes": st.just("80"),
    }
)


def examples(count: int) -> settings:
    """So many examples; one world for all of them, which each one empties."""
    return settings(max_examples=count, suppress_health_check=[HealthCheck.function_scoped_fixture])


def add(world: World, texts: Sequence[str]) -> list[str]:
    """Empty the database, and add those contexts that it takes."""
    world.rows.execute("delete from workflow_runs")
    return world.rows.add_all(texts if world.rows.is_sqlite else taken(world, texts))


def taken(world: World, texts: Sequence[str]) -> list[str]:
    """Ask PostgreSQL which contexts it takes; it refuses a NUL, and numbers past its range."""
    with world.database.connect() as connection:
        return [context for context in texts if takes(connection, context)]


def takes(connection: Connection, context: str) -> bool:
    """Ask for one of them."""
    try:
        with connection.begin_nested():
            connection.execute(text("select cast(:context as jsonb)"), {"context": context})
    except DBAPIError:
        return False
    return True


def stored(world: World) -> Sequence[object]:
    """Give all contexts as they are stored."""
    return world.rows.fetch("select id, cast(context as text) from workflow_runs order by id")


@examples(13)
@given(st.lists(contexts, min_size=SIZE, max_size=SIZE), OPTIONS)
def test_there_and_back_is_the_identity(world: World, texts: list[str], options: dict[str, str]) -> None:
    """Whatever the values, however they are spelled: byte for byte on SQLite, an equal jsonb on PostgreSQL."""
    world.options = options
    ids = add(world, texts)
    world.rows.remember()
    report = world.migrate().report
    assert report.exit_code == 0
    assert report.summary.census is not None
    assert report.summary.census.descriptors + report.summary.census.empty == len(ids)
    once = stored(world)
    assert world.migrate().report.summary.converted == 0
    assert stored(world) == once
    assert world.check().exit_code == 0
    back = world.migrate(LEGACY).report
    assert (back.exit_code, back.summary.converted) == (0, report.summary.converted)
    assert world.rows.changed() == []


@examples(6)
@given(st.lists(suspicious_contexts, min_size=SIZE, max_size=SIZE))
def test_what_looks_like_descriptors_is_kept_whatever_happens(world: World, texts: list[str]) -> None:
    """Each is converted and comes back, or is left from the start; said to be legacy, each comes back too."""
    ids = add(world, texts)
    world.rows.remember()
    world.migrate()
    world.migrate(LEGACY)
    assert world.rows.changed() == []
    if ids:
        for _ in range(2):
            world.migrate(assume=LEGACY, runs=tuple(ids))
        world.migrate(LEGACY)
    assert world.rows.changed() == []
