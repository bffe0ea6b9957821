"""The script of `db sql --convert`, run on a real PostgreSQL: it gives the same rows as `migrate`, or leaves them."""

import json
from collections.abc import Iterator, Sequence
from threading import Event, Thread

import psycopg
import pytest
from alembic import command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import errors

from tests.operations.test_migrate_property import add
from tests.operations.world import DESCRIPTORS, LEGACY, VECTORS, World
from tests.support.engine_schema import create_quartz_tables
from tests.support.json_texts import contexts, objects, suspicious_contexts
from tests.support.json_texts import numbers as any_number
from tests.support.rows import DAY, compact
from tests.support.scripts import run_script, run_statements
from zenctx.database.conversion_script import conversion_script
from zenctx.database.engine import write_transaction
from zenctx.database.locks import Lock, held
from zenctx.database.revisions import alembic_config
from zenctx.database.schema import REVISIONS

THRESHOLD = 1048576
Texts = dict[str, str | None]

on_every_server = pytest.mark.parametrize("postgres_url", ["newest", "oldest"], indirect=True)


def run(world: World, threshold: int = THRESHOLD, **options: str) -> list[str]:
    """Run the script; give what it says. Options are its own settings."""
    given_options = {f"zenctx.{name}": value for name, value in options.items()}
    return run_script(plain_url(world), conversion_script(threshold), given_options)


def texts(world: World) -> Texts:
    """Give the exact text of every context."""
    return {
        str(run_id): text for run_id, text in world.rows.fetch("select id, cast(context as text) from workflow_runs")
    }


def both_ways(world: World, threshold: int = THRESHOLD, *, include_active: bool = False) -> tuple[Texts, Texts, Texts]:
    """Give all contexts as they are, as `migrate` makes them, and as the script makes them, which is what is left."""
    world.options = {"memory-threshold-bytes": str(threshold)}
    before = texts(world)
    world.rows.remember()
    world.migrate(include_active=include_active)
    by_tool = texts(world)
    for table in ("zenctx_conversion", "zenctx_quarantine"):
        world.rows.execute(f"delete from {table}")
    world.rows.execute(
        f"update workflow_runs r set context = o.context from {world.rows.originals} o where o.id = r.id"
    )
    run(world, threshold, include_active=str(include_active))
    return before, by_tool, texts(world)


def assert_alike(before: Texts, by_tool: Texts, by_script: Texts) -> int:
    """Compare; a row with a value in a file is one that the script leaves. Gives how many rows it converted."""
    for run_id, text in by_script.items():
        expected = by_tool[run_id]
        if expected != before[run_id] and has_file(expected or ""):
            expected = before[run_id]
        assert text == expected, before[run_id]
    return sum(text != before[run_id] for run_id, text in by_script.items())


def has_file(text: str) -> bool:
    """Tell whether a row that the tool has converted names a file."""
    return any(entry["type"] == "FILE" for entry in json.loads(text).values())


@on_every_server
def test_the_vectors_become_what_the_tool_makes_of_them(postgres_world: World) -> None:
    """Every context of the engine's own: to the byte, sizes included; and the way back finds the record."""
    world = postgres_world
    for folder in ("legacy", "descriptors"):
        for file in sorted((VECTORS / folder).glob("*.json")):
            world.rows.add(file.read_text())
    world.rows.add(None)
    world.rows.add("[]")
    world.rows.add("null")
    assert assert_alike(*both_ways(world)) == 12
    assert world.migrate(LEGACY).report.summary.converted == 12
    assert world.rows.changed() == []


EDGES = {
    "blanks in strings": compact({"a": {"x, y: z": ["a, b", 'quo"te, \\', " "], "b": {}}, "c": [[], {}, [1, 2]]}),
    "escapes": '{"\\u0001 key \\"q\\"":"\\u0001\\n\\\\", "c":["\\u0001, \\\\\\"", "\\\\", ", "]}',
    "astral": compact({"s": "\U0001f680 and é", "o": {"\U0001f680, ": "\U0010ffff"}}),
    "only nulls": '{"a":null,"b":null}',
    "numbers": '{"a":1e400,"b":-0.0,"c":1.10,"d":[1e-20],"e":18446744073709551616}',
    "empty key": '{"":{"":[]}}',
    "size, not a descriptor": '{"a":{"type":"JSON","size":3}}',
    "type of another kind": '{"a":{"type":"memory","inlineValue":1},"b":{"type":["MEMORY"],"inlineValue":1}}',
    "one more property": compact({"a": {"type": "MEMORY", "inlineValue": 1, "more": 1}}),
    "loadable beside plain": '{"a":{"type":"MEMORY","inlineValue":1},"b":1}',
    "loadable alone": '{"a":{"type":"MEMORY","inlineValue":1},"b":null}',
    "memory of null": '{"a":{"type":"MEMORY","inlineValue":null}}',
    "file without content": '{"a":{"type":"FILE","inlineValue":null,"locator":null}}',
    "locator of an object": '{"a":{"type":"FILE","locator":{}}}',
    "mixed": compact({"b": 1, "a": dict.fromkeys(("locator", "mediaType", "size", "checksum", "inlineValue"))}).replace(
        '"locator"', '"type":"MEMORY","locator"'
    ),
}
SIZES = (
    *("7", "7.5", '" 7\\u00a0"', '"+7"', '"\\uff17"', '""', '"null"', '" null "', "true", "[]", "-1", '"7.5"', "1e30"),
    *('"\\u000b7\\u2029"', '"\\u200b7"', '"1e3"', "9223372036854775807", "9223372036854775808", "-9223372036854775808"),
    *("9223372036854775807.0", "9223372036854775295.9", "9223372036854775296.0"),
    *('"9223372036854775808"', '"12345678901234567890"'),
)


def test_every_edge_is_decided_alike(postgres_world: World) -> None:
    """What is a descriptor, what only looks like one, how large values are: the same answers as the tool's."""
    world = postgres_world
    world.rows.add_all(EDGES.values())
    world.rows.add_all(f'{{"a":{{"type":"MEMORY","inlineValue":1,"size":{size}}}}}' for size in SIZES)
    converted = assert_alike(*both_ways(world))
    assert len(EDGES) <= converted < len(EDGES) + len(SIZES)


def nested(levels: int) -> str:
    """Give a value of so many levels, with brackets in a string."""
    return "[" * (levels - 1) + '["[[["]' + "]" * (levels - 1)


DIGITS = "1" * 1000
ROCKET = "\U0001f680"
LIMITS = {
    '{"a":%s}': [
        *(DIGITS, f"{DIGITS}1", f"0.{DIGITS[2:]}", f"-0.{DIGITS[2:]}", "1e999", "1e1000", f"[{DIGITS}1]"),
        *(f'["{DIGITS}111"]', f'{{"{DIGITS}111":1}}', nested(900), nested(901), nested(998), nested(1000)),
    ],
    '{"b":1,"a":"%s"}': [
        *("x" * 500, "x" * 501, "é" * 500, "é" * 501, ROCKET * 250, f"{ROCKET * 250}x", "\\n" * 500),
    ],
    '{"c":[%s]}': [
        *(f'"{"x" * 996}"', f'"{"x" * 997}"', ",".join(["1"] * 499), ",".join(["1"] * 500), f'"{", " * 498}"'),
    ],
}


def test_the_limits_of_an_inline_value_are_the_same(postgres_world: World) -> None:
    """On both sides of each: the threshold in bytes, the depth, the length of numbers (digits in strings are none)."""
    world = postgres_world
    added = world.rows.add_all(shape % value for shape, values in LIMITS.items() for value in values)
    before, by_tool, by_script = both_ways(world, 1000)
    converted = assert_alike(before, by_tool, by_script)
    assert 10 <= converted < len(added) - 5


_sizes = st.sampled_from(SIZES) | any_number
_properties = st.fixed_dictionaries(
    {"type": st.sampled_from(['"MEMORY"', '"JSON"', '"FILE"', '"file"', "null", "1"])},
    optional={
        "locator": st.sampled_from(["null", '"x"', '""', "1", "{}", "[]"]),
        "mediaType": st.sampled_from(["null", '"x"', "{}"]),
        "size": _sizes,
        "checksum": st.sampled_from(["null", '"x"', "[]", "true"]),
        "inlineValue": st.sampled_from(["null", "1", '"eA=="', "{}"]),
        "other": st.just("1"),
    },
)
_partial = _properties.map(lambda found: "{" + ",".join(f'"{name}":{value}' for name, value in found.items()) + "}")
nearly = objects(_partial | st.sampled_from(["null", "1", '"x"', "{}"]), max_size=3)
"""Contexts whose entries have some properties of descriptors, and nothing or something besides."""


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(contexts | suspicious_contexts | nearly, min_size=25, max_size=25), st.sampled_from([THRESHOLD, 40]))
def test_whatever_there_is_becomes_what_the_tool_makes_of_it(
    postgres_world: World, given_texts: Sequence[str], threshold: int
) -> None:
    """Any values, any spelling, anything that looks like a descriptor; and all of it comes back."""
    world = postgres_world
    add(world, given_texts)
    converted = assert_alike(*both_ways(world, threshold))
    assert world.migrate(LEGACY).report.summary.converted == converted
    assert world.rows.changed() == []


def fill_with_runs(world: World) -> dict[str, str]:
    """Add a run of every kind that matters beside an engine; gives the ids by name."""
    add_run, context = world.rows.add, '{"a":1}'
    found = {
        "success": add_run(context),
        "just now": add_run(context, ended=DAY / 1440),
        "failed": add_run(context, status="ERROR"),
        "failed today": add_run(context, status="ERROR", ended=DAY / 2),
        "retrying": add_run(context, status="ERROR"),
        "parked": add_run(context, status="RUNNING", ended=None),
        "waiting": add_run(context, status="WAITING", ended=2 * DAY),
        "no end": add_run(context, ended=None),
        "end of time": add_run(context),
        "began before time": add_run(context),
    }
    for column, value, name in (
        ("ended_at", "infinity", "end of time"),
        ("started_at", "-infinity", "began before time"),
    ):
        world.rows.execute(f"update workflow_runs set {column} = '{value}' where id = '{found[name]}'")
    return found


@pytest.fixture
def engine(postgres_world: World) -> World:
    """Give a world with the scheduler's tables and a failed run that is to be tried again."""
    with postgres_world.database.connect() as connection, write_transaction(connection):
        create_quartz_tables(connection)
    return postgres_world


def check_in(world: World, milliseconds_ago: int) -> None:
    """Let an engine have checked in so long ago."""
    world.rows.execute(
        "insert into qrtz_scheduler_state values ('zenflow', 'engine-1',"
        f" extract(epoch from clock_timestamp()) * 1000 - {milliseconds_ago}, 7500)"
    )


@pytest.mark.parametrize(
    ("ago", "included"), [(0, False), (60_000, False), (0, True)], ids=["alive", "gone", "told to"]
)
def test_runs_that_an_engine_may_hold_wait(engine: World, ago: int, *, included: bool) -> None:
    """The same runs as with the tool: beside a living engine only those that are over."""
    runs = fill_with_runs(engine)
    job = f"('zenflow', '{runs['retrying']}:node', 'retry-jobs', 'x', true, false, false, false)"
    engine.rows.execute(
        "insert into qrtz_job_details (sched_name, job_name, job_group, job_class_name, is_durable,"
        f" is_nonconcurrent, is_update_data, requests_recovery) values {job}"
    )
    check_in(engine, ago)
    before, by_tool, by_script = both_ways(engine, include_active=included)
    assert_alike(before, by_tool, by_script)
    converted = {name for name, run_id in runs.items() if by_script[run_id] != before[run_id]}
    assert converted == ({"success", "failed"} if (ago, included) == (0, False) else runs.keys())


def test_without_the_scheduler_an_engine_may_be_running(postgres_world: World) -> None:
    """No table says that there is none."""
    runs = fill_with_runs(postgres_world)
    said = run(postgres_world)
    assert "Converted 3 contexts to descriptors, in 1 sweep(s)." in said  # no retry is known of
    waiting = next(line for line in said if "wait" in line)
    assert runs["parked"] in waiting
    assert runs["success"] not in waiting


def test_a_second_run_writes_nothing(postgres_world: World) -> None:
    """No row is written again, and each time is in the journal with its counts."""
    world = postgres_world
    world.rows.add_all([compact({"n": number}) for number in range(450)])
    world.rows.add('{"a":1}', ended=None)
    run(world)
    versions = world.rows.fetch("select id, xmin::text from workflow_runs order by id")
    assert "Converted 0 contexts to descriptors, in 1 sweep(s)." in run(world)
    assert world.rows.fetch("select id, xmin::text from workflow_runs order by id") == versions
    journal = world.rows.fetch("select outcome, exit_code, counts::jsonb from zenctx_operation order by started_at")
    census = {"descriptors": 450, "waiting": 1}
    assert [tuple(row) for row in journal] == [
        ("partial", 3, {"converted": count, "sweeps": 1, "census": census}) for count in (450, 0)
    ]
    batches = world.rows.fetch("select run_count, length(run_ids) from zenctx_conversion")
    assert sum(count for count, _ in batches) == 450 == sum(length for _, length in batches) / 16


def test_an_empty_table_is_no_mistake(postgres_world: World) -> None:
    """There is nothing to do, and nothing to complain of."""
    assert run(postgres_world) == ["Converted 0 contexts to descriptors, in 1 sweep(s)."]


def test_a_row_that_somebody_holds_is_named_and_the_rest_is_done(
    postgres_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The script comes back to it five times, then fails with its id; the next run takes it."""
    hasty = conversion_script(THRESHOLD).replace("'500ms'", "'50ms'")
    assert hasty != conversion_script(THRESHOLD)
    monkeypatch.setattr("tests.operations.test_conversion_script.conversion_script", lambda _threshold: hasty)
    world = postgres_world
    ids = world.rows.add_all([compact({"n": number}) for number in range(2)])
    with world.database.connect() as holder:
        holder.exec_driver_sql(f"select 1 from workflow_runs where id = '{ids[1]}' for update")
        with pytest.raises(errors.RaiseException, match=f"1 contexts are still legacy after 5 sweeps.*{ids[1]}"):
            run(world)
    assert world.check().summary.census is not None
    assert [run_id for run_id, text in texts(world).items() if "MEMORY" not in (text or "")] == [ids[1]]
    assert run(world)[0] == "Converted 1 contexts to descriptors, in 1 sweep(s)."


def test_what_the_database_refuses_is_quarantined(postgres_world: World) -> None:
    """By itself; the rest is converted, and neither the script nor the tool tries it again unless it is mended."""
    world = postgres_world
    ids = world.rows.add_all([compact({"n": number}) for number in range(40)])
    poison = world.rows.add('{"secret":"poison"}')
    world.rows.execute("alter table workflow_runs add check (context::text not like '%MEMORY%poison%')")
    assert run(world)[0] == "Converted 40 contexts to descriptors, in 1 sweep(s)."
    (item,) = world.quarantined()
    assert (item.run_id, item.reason) == (poison, "the database does not take a value (SQLSTATE 23514)")
    assert run(world)[-1].startswith("1 contexts are quarantined")
    assert world.migrate().actions == {poison: "quarantined"}
    world.rows.replace(poison, '{"secret":"none"}')
    assert run(world)[0] == "Converted 1 contexts to descriptors, in 1 sweep(s)."
    assert world.quarantined() == []
    assert len(ids) == 40


@pytest.mark.parametrize(("lock", "exclusive"), [(Lock.MIGRATION, True), (Lock.CONTENT, True), (Lock.CONTENT, False)])
def test_another_zenctx_excludes_it(postgres_world: World, lock: Lock, exclusive: bool) -> None:
    """One that migrates, or cleans up; those that only share the contexts do not mind it."""
    world = postgres_world
    world.rows.add('{"a":1}')
    with world.database.connect() as connection, held(world.database, connection, lock, exclusive=exclusive):
        if exclusive:
            with pytest.raises(errors.RaiseException, match="another zenctx is at work"):
                run(world)
        else:
            run(world)
    assert world.check().exit_code == (4 if exclusive else 0)


@pytest.mark.parametrize("revision", [None, *REVISIONS[:-1]])
def test_tables_are_made_or_brought_up_to_date(postgres_world: World, revision: str | None) -> None:
    """From nothing, from each older revision: they are what `zenctx db upgrade` makes; a row is converted at once."""
    world = postgres_world
    made = world.rows.fetch(_SHAPE)
    for (table,) in world.rows.fetch("select tablename from pg_tables where tablename like 'zenctx%'"):
        world.rows.execute(f"drop table {table}")
    if revision is not None:
        with world.database.connect() as connection, write_transaction(connection):
            command.upgrade(alembic_config(connection), revision)
    world.rows.add('{"a":1}')
    run(world)
    assert world.rows.fetch(_SHAPE) == made
    assert world.rows.fetch("select version_num from zenctx_revision") == [(REVISIONS[-1],)]
    assert world.migrate(LEGACY).report.summary.converted == 1


def test_tables_of_a_newer_zenctx_are_left_to_it(postgres_world: World) -> None:
    """Nothing is done, and no table is touched."""
    world = postgres_world
    world.rows.add('{"a":1}')
    world.rows.execute("update zenctx_revision set version_num = '9999'")
    with pytest.raises(errors.RaiseException, match="at revision 9999, which this script does not know"):
        run(world)
    assert "MEMORY" not in str(texts(world))


_SHAPE = """
    select table_name, column_name, data_type, is_nullable from information_schema.columns
    where table_name like 'zenctx%' order by 1, 2"""


def test_inside_a_transaction_it_fails_before_it_begins(postgres_world: World) -> None:
    """It must commit after each batch, so nothing is done where it may not."""
    world = postgres_world
    world.rows.add('{"a":1}')
    with psycopg.connect(plain_url(world)) as connection, pytest.raises(errors.InvalidTransactionTermination):
        run_statements(connection, conversion_script(THRESHOLD))
    assert world.check().exit_code == 4


def plain_url(world: World) -> str:
    """Give the URL as the driver takes it."""
    return world.database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


def test_nothing_of_it_stays_in_the_session_or_the_schema(postgres_world: World) -> None:
    """Its function is temporary and dropped, its settings are as they were; it has no `${`, which Flyway fills."""
    world = postgres_world
    script = conversion_script(THRESHOLD)
    assert "${" not in script
    with psycopg.connect(plain_url(world), autocommit=True) as connection:
        run_statements(connection, script)
        for name, value in {"statement_timeout": "0", "lock_timeout": "0", "enable_hashjoin": "on"}.items():
            assert connection.execute(f"show {name}").fetchall() == [(value,)]
        assert connection.execute("select 1 from pg_proc where proname like 'zenctx%'").fetchall() == []


def test_beside_a_writer_no_write_is_lost(postgres_world: World) -> None:
    """What an engine commits while the script runs is there at the end, wrapped or put back as it wrote it."""
    world = postgres_world
    ids = world.rows.add_all([compact({"n": 0, "pad": "x" * 500}) for _ in range(600)])
    stop = Event()
    wrote: dict[str, int] = {}
    writer = Thread(target=_write_until, args=(plain_url(world), ids, stop, wrote))
    writer.start()
    try:
        for _ in range(3):
            _run_whatever_is_left(world)
    finally:
        stop.set()
        writer.join()
    run(world)
    assert wrote
    for run_id, number in wrote.items():
        ((found,),) = world.rows.fetch(
            "select context -> 'n' -> 'inlineValue' from workflow_runs where id = :id", id=run_id
        )
        assert found == number
    assert world.check(DESCRIPTORS).exit_code == 0


def _run_whatever_is_left(world: World) -> None:
    try:
        run(world)
    except errors.RaiseException as error:
        assert "still legacy" in str(error)  # noqa: PT017 - it may, or it may not, be so at that moment


def _write_until(url: str, ids: Sequence[str], stop: Event, wrote: dict[str, int]) -> None:
    """Write whole legacy rows, as an engine does that knows nothing else, one after the other."""
    with psycopg.connect(url, autocommit=True) as connection:
        for number, run_id in _forever(ids):
            if stop.is_set():
                return
            context = compact({"n": number, "pad": "y" * 500})
            connection.execute("update workflow_runs set context = %s where id = %s", (context, run_id))
            wrote[run_id] = number


def _forever(ids: Sequence[str]) -> Iterator[tuple[int, str]]:
    number = 0
    while True:
        for run_id in ids[::7]:
            number += 1
            yield number, run_id


def test_its_settings_can_be_given(postgres_world: World) -> None:
    """A smaller threshold than the one it was printed with, and a rest after each batch."""
    world = postgres_world
    large = world.rows.add(compact({"a": "x" * 30}))
    world.rows.add('{"a":1}')
    said = run(world, memory_threshold_bytes="50", pause_ms="1")
    assert said[0] == "Converted 1 contexts to descriptors, in 1 sweep(s)."
    assert said[-1] == f"1 contexts have values for files, or past a limit, left to zenctx migrate: {large}"


def test_only_some_ids_are_named(postgres_world: World) -> None:
    """Twenty of each kind, and the count of all."""
    postgres_world.rows.add_all(['["x"]'] * 25)
    (line,) = [line for line in run(postgres_world) if "no JSON object" in line]
    assert line.startswith("25 contexts are no JSON object, left to zenctx migrate: ")
    assert line.endswith(" ...")
    assert len(line.split(": ")[1].split()) == 21
