"""What PostgreSQL counts by itself is what reading every context counts, whatever there is, in any mixture."""

import base64
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from tests.operations.reader import as_reader
from tests.operations.test_figures import ALL, DAY, count, described, locator, put
from tests.operations.test_migrate_property import add, examples
from tests.operations.world import VECTORS, World
from tests.support.json_texts import contexts, suspicious_contexts
from tests.support.rows import compact
from zenctx.database import pins, run_groups, scanning
from zenctx.database.engine import Connection, write_transaction
from zenctx.database.run_groups import Counted, Question
from zenctx.database.scanning import Scanned, Tables
from zenctx.operations.figures import ask, collect
from zenctx.operations.figures.model import Figures, Wanted

BRIEF = Wanted(entries=False)
NOW = datetime.now(UTC)
ODD = ("", "x" * 90, 'a"b\\', "\t\x01", "é€🚀", "MEMORY", [1, "ab", {"type": "FILE"}], {"a": None}, 1.5, None, True)
"""Values that take more room as text than their letters, and such that could be thought to be more than they are."""
SECRETS: tuple[object, ...] = ("hunter2", "***", "", None, {}, {"p": "x"}, [])


@dataclass
class Server:
    """What the server was asked to count, and when; one of `share` runs is looked at before."""

    share: int = 2
    now: datetime = NOW
    is_asked: bool = True
    given: list[Counted] = field(default_factory=list)

    def sample(self, connection: Connection, tables: Tables) -> Iterator[Scanned]:
        """Gives each second run, or third."""
        rows = scanning.with_texts(connection, tables, "workflow_runs", 10_000)
        return (row for at, row in enumerate(sorted(rows, key=lambda row: row[0])) if at % self.share == 0)

    def counting(self, counts: Callable[[Connection, Question], Counted]) -> Callable[[Connection, Question], Counted]:
        """Gives what counts as before, and notes what it gave."""

        def counted(connection: Connection, question: Question) -> Counted:
            self.given.append(counts(connection, question))
            return self.given[-1]

        return counted


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    """Has the server count however few runs there are, and however different they are."""
    server, can = Server(), run_groups.can_group
    monkeypatch.setattr(ask, "_ENOUGH", 0)
    monkeypatch.setattr(ask, "_FEW", 9)
    monkeypatch.setattr(run_groups, "sample", server.sample)
    monkeypatch.setattr(run_groups, "can_group", lambda connection: server.is_asked and can(connection))
    monkeypatch.setattr(run_groups, "count_groups", server.counting(run_groups.count_groups))
    monkeypatch.setattr(collect, "database_time", lambda _connection: server.now)
    return server


def comparable(figures: Figures) -> dict[str, Any]:
    """All figures, in one order; of the largest their bytes alone, since of equal ones any may be told."""
    told = {name: getattr(figures, name) for name in figures.__struct_fields__}
    told["runs"], told["storage"] = Counter(figures.runs), Counter(figures.storage)
    for name in ("largest_runs", "largest_entries"):
        told[name] = [(each.bytes, type(each)) for each in told[name]]
    return told


def assert_same(world: World, server: Server, wanted: Wanted) -> Figures:
    """Compares both ways."""
    server.is_asked, server.given = False, []
    read = count(world, wanted)
    server.is_asked = True
    asked = count(world, wanted)
    assert comparable(asked) == comparable(read)
    assert server.given
    assert {each.run_id for each in asked.largest_runs} <= {
        row for (row,) in world.rows.fetch("select id::text from workflow_runs")
    }
    return asked


def alike(random: Random) -> dict[str, object]:
    """A context with the keys that many have, or nearly."""
    keys = ["a.output.x", "a.output.longer", 'b.output.\u00fc"\\\n', "__zenflow_secrets", "free"][
        : random.choice((5, 5, 5, 4, 2))
    ]
    context: dict[str, object] = {key: random.choice(ODD) for key in keys}
    if "__zenflow_secrets" in context:
        context["__zenflow_secrets"] = random.choice(SECRETS)
    return context | ({"": 1} if random.random() < 0.1 else {}) | ({"more": 1} if random.random() < 0.1 else {})


def wrapped(context: dict[str, object], **others: object) -> dict[str, object]:
    """The same values as descriptors in memory, perhaps with other properties."""
    return {key: described(None) | {"inlineValue": value} | others for key, value in context.items()}


def rarely_usual(random: Random) -> dict[str, object]:
    """Descriptors of which at most one is not quite what the server takes for one."""
    context = wrapped(alike(random), size=random.choice((0, 8, 123_456_789)))
    key = random.choice([*context])
    usual = context[key]
    assert isinstance(usual, dict)
    if random.random() < 0.5:
        odd = random.choice(HOSTILE)
        context[key] = odd(usual) if callable(odd) else odd
    return context


def _without(name: str) -> Callable[[dict[str, object]], dict[str, object]]:
    return lambda usual: {key: value for key, value in usual.items() if key != name}


_NEEDLE = '8, "type": "MEMORY", "locator": null, "checksum": null, "mediaType": null, "inlineValue": 1'
HOSTILE: list[Any] = [
    # Sizes that are none, or that the server leaves to others.
    *(lambda usual, size=size: usual | {"size": size} for size in (-1, -2, 1.5, 10**9, 2**63, 2**70, "8", None, [8])),
    # Properties too few and too many, before and behind the others, in each other's place, of other types.
    *map(_without, ("type", "locator", "mediaType", "size", "checksum", "inlineValue")),
    *(lambda usual, name=name: usual | {name: 1} for name in ("a", "sizf", "typd", "zzzzzzzzzzzzz", "", "inlineValuf")),
    *(lambda usual, name=name: usual | {name: "x"} for name in ("type", "locator", "mediaType", "checksum")),
    *(lambda usual, kind=kind: usual | {"type": kind} for kind in ("JSON", "FILE", "memory", None)),
    lambda usual: _without("size")(usual) | {"abcd": 8},
    lambda usual: _without("inlineValue")(usual) | {"inlineValuf": 8},
    # What stands deeper makes up for what is missing above.
    lambda usual: {"size": 1, "inlineValue": 1, "zzzzzzzzzzzz": usual},
    lambda usual: {"size": 1, "inlineValue": usual, "a": 1, "b": 2, "c": 3, "d": 4},
    lambda usual: usual | {"inlineValue": usual},
    lambda usual: {"locator": usual} | dict.fromkeys(("size", "type", "checksum", "mediaType", "inlineValue"), 1),
    lambda usual: [usual],
    lambda usual: [usual, usual],
    # The text of it within a text or a name.
    lambda usual: usual | {"inlineValue": _NEEDLE},
    lambda usual: usual | {"inlineValue": {'a"inlineValue': 1, 'x, "type": "MEMORY': 2, _NEEDLE: 3}},
    lambda usual: usual | {"inlineValue": '": {"size": 8'},
    {"size": 8, f'x{_NEEDLE.replace(" 1", "")}"inlineValue': 1},
    {"size": 8} | dict.fromkeys("abcde"),
    "MEMORY", 7, None, [], {}, {"size": 8}, {"type": "MEMORY", "inlineValue": 1},
]  # fmt: skip
"""What stands in the place of a descriptor, or makes it of one, and hardly is any."""


_CHANGE = """
    update workflow_runs set status = cast(:status as workflow_status_enum), workflow_id = :workflow,
        started_at = coalesce(cast(:start as timestamptz), now()), ended_at = cast(:end as timestamptz)
    where id = :id"""
_SIGN = """
    insert into node_executions (id, workflow_run_id, node_key, status, attempts, started_at)
    values (:id, :id, 'n', 'SUCCESS', 1, :at)"""
_DEFINE = "update workflows set definition = cast(:text as jsonb) where id = :id"


def put_all(world: World, random: Random, texts: Sequence[str]) -> list[str]:
    """Adds runs with these contexts, and as many that are alike, of all ages and classes, of two workflows."""
    many = [*texts, "{}", "{}", "[1]", "null", "7"]
    for _ in range(len(texts) + 10):
        many += compact(alike(random)), compact(wrapped(alike(random))), compact(rarely_usual(random))
    ids = add(world, random.sample(many, len(many)))
    ids += [world.rows.add(None) for _ in range(2)]
    moments = [None, NOW, NOW - DAY / 2, NOW - 3 * DAY, NOW - 40 * DAY, NOW - 800 * DAY, "infinity"]
    workflows = world.rows.fetch("select id from workflows")
    changes = [
        {
            "id": run_id,
            "status": random.choice(["RUNNING", "WAITING", "SUCCESS", "ERROR"]),
            "workflow": random.choice(workflows)[0],
            "start": random.choice(moments),
            "end": random.choice([None, None, *moments]),
        }
        for run_id in ids
    ]
    signs = [{"id": run_id, "at": NOW - random.choice([1, 50]) * DAY} for run_id in random.sample(ids, 9)]
    with world.database.connect() as connection, write_transaction(connection):
        connection.execute(text("delete from zenctx_pin"))
        connection.execute(text(_CHANGE), changes)
        connection.execute(text(_SIGN), signs)
    with world.database.connect() as connection:
        for run_id in random.sample(ids, 2):
            pins.pin(connection, run_id, None)
    return ids


def define(world: World) -> None:
    """Two workflows, of which one says who reads what."""
    world.rows.add_workflow()
    metadata = {"nodeConsumers": {"a.output.x": {"consumers": ["b"]}}}
    world.rows.execute(_DEFINE, id=world.rows.workflow_id, text=json.dumps({"nodes": [], "metadata": metadata}))


@examples(5)
@given(st.lists(contexts | suspicious_contexts, min_size=8, max_size=16), st.integers(0, 99), st.integers(1, 4))
def test_what_the_server_counts_is_what_reading_counts(
    postgres_world: World, server: Server, texts: list[str], seed: int, share: int
) -> None:
    """Forms, classes, ages, bytes, secrets, dead keys and the largest; with files there and without."""
    world, server.share = postgres_world, share
    if len(world.rows.fetch("select id from workflows")) == 1:
        define(world)
    put_all(world, Random(seed), texts)  # noqa: S311 - the same every time
    assert_same(world, server, ALL)
    assert_same(world, server, BRIEF)
    assert_same(world, server, Wanted(dead_keys=True))


def test_files_keep_runs_from_being_counted_unread(postgres_world: World, server: Server) -> None:
    """Whatever may name a file is read, and of runs that keep all of theirs it is known which they are."""
    world = postgres_world
    random = Random(5)  # noqa: S311 - the same every time
    ids = put_all(world, random, [])
    server.now += DAY  # no file has changed since
    for number, run_id in enumerate(ids[:12]):
        put(world, run_id, "x", age=3 * DAY)
        named = locator(run_id, "x")
        told = [{"k": f"see {named}"}, {"k": named}, {"k": {"l": [named]}}, alike(random)]
        told += [wrapped({"k": named}), wrapped({"k": {"l": [named]}}), wrapped(alike(random))]
        world.rows.replace(run_id, compact(told[number % 7]))
    world.rows.replace(ids[12], compact({"k": described(locator(ids[0], "gone"))}))
    world.rows.execute("delete from zenctx_pin")
    world.rows.execute("alter type workflow_status_enum add value if not exists 'CANCELLED'")
    for run_id, context, status, end in (
        (ids[14], "{}", "RUNNING", None),
        (ids[15], '{"k":1}', "CANCELLED", NOW),
        (ids[16], "{}", "WAITING", NOW),
        (ids[17], "{}", "SUCCESS", None),
    ):
        put(world, run_id, "x", age=3 * DAY)
        world.rows.replace(run_id, context)
        world.rows.execute(_CHANGE, id=run_id, workflow=world.rows.workflow_id, status=status, start=NOW, end=end)
    encoded = base64.b64encode(json.dumps(locator(ids[3], "x")).encode()).decode()
    world.rows.replace(ids[13], compact({"k": encoded, "l": "\x01"}))
    figures = assert_same(world, server, ALL)
    assert figures.files is not None
    assert 0 < figures.files.orphans < 12
    assert_same(world, server, BRIEF)


def test_vectors_and_extremes(postgres_world: World, server: Server) -> None:
    """What engines write, what nests as deep as may be and deeper, and what is very long."""
    world = postgres_world
    texts = [path.read_text() for path in sorted(VECTORS.glob("*/*.json"))]
    deep = ["[" * levels + "]" * levels for levels in (998, 999, 1000, 1001, 1400)]
    texts += [compact({"a.output.x": 1})[:-1] + f',"d":{each}}}' for each in deep]
    texts += [compact(wrapped({"d": 0})).replace(":0}", f":{each}}}") for each in deep]
    texts += [compact({"a.output.x": "y" * length}) for length in (1990, 2100, 9000, 40_000, 200_000, 300_000)]
    texts += [compact({"a.output.x": number}) for number in range(30)]
    add(world, [each for each in texts if "\\u0000" not in each])
    figures = assert_same(world, server, ALL)
    assert [each.bytes for each in figures.largest_entries[:2]] == [300_002, 200_002]
    assert figures.runs_by("form")["invalid"] == 3 + 4
    assert_same(world, server, BRIEF)


@pytest.mark.parametrize("wrap", [dict, wrapped])
def test_a_value_that_is_a_little_longer_than_those_looked_at_is_found(
    postgres_world: World,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    wrap: Callable[[dict[str, object]], dict[str, object]],
) -> None:
    """Under whatever key; contexts that are larger as a whole hide nothing."""
    random = Random(3)  # noqa: S311 - the same every time
    server.share = 4
    monkeypatch.setattr(ask, "_MOST_PIVOTS", 1)
    texts = [wrap({key: "x" * random.randrange(300) for key in ("a", "ü\n")}) for _ in range(400)]
    add(postgres_world, [compact(each) for each in texts])
    figures = assert_same(postgres_world, server, Wanted(top=10))
    assert len(figures.largest_runs) == len(figures.largest_entries) == 10
    assert len(server.given[0].apart) < 200


def test_a_large_table_is_counted_by_the_server(postgres_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """With rights to read alone, the sample being drawn as it is; few contexts are read."""
    world = postgres_world
    random = Random(7)  # noqa: S311 - the same every time
    add(world, [compact({"a.output.x": random.randbytes(random.randrange(100)).hex()}) for _ in range(600)])
    server = Server(given=[])
    monkeypatch.setattr(run_groups, "count_groups", server.counting(run_groups.count_groups))
    with as_reader(world) as reader:
        assert count(reader, ALL).run_count == 600
    (group,) = server.given[0].groups
    assert group.runs == 600 - len(server.given[0].apart) > 500


def test_descriptors_in_memory_are_counted_by_the_server(
    postgres_world: World, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each among a workflow's own runs, so that nothing that is miscounted is made up for by another one."""
    world, server.share = postgres_world, 1
    monkeypatch.setattr(ask, "_MOST_LAYOUTS", 999)
    usual = wrapped({"a.output.x": 1, "__zenflow_secrets": "hunter2", "n": 10**40, "o": {"b": [1.50, None]}})
    contexts = [usual, *({**usual, "n": odd(usual["n"]) if callable(odd) else odd} for odd in HOSTILE)]
    contexts += [{key: usual["n"]} for key in ("inlineValue", "size", 'a"inlineValue', _NEEDLE, "", "\x01", "MEMORY")]
    contexts += [wrapped({"a": value}) for value in (*ODD, *SECRETS, usual)]
    ids = add(world, [compact(each) for each in contexts for _ in range(2)])
    workflows = [world.rows.add_workflow() for _ in contexts]
    changes = [{"id": run_id, "workflow": workflows[at // 2]} for at, run_id in enumerate(ids)]
    with world.database.connect() as connection, write_transaction(connection):
        connection.execute(text("update workflow_runs set workflow_id = :workflow where id = :id"), changes)
    assert_same(world, server, Wanted(dead_keys=True, forecast_days=(7,)))
    grouped = sum(each.runs for each in server.given[0].groups if each.form == "descriptors")
    assert grouped >= 50
    assert_same(world, server, BRIEF)
    assert sum(each.runs for each in server.given[0].groups if each.form == "descriptors") >= grouped
    put(world, ids[0], "x", age=3 * DAY)
    assert_same(world, server, BRIEF)
    define(world)
    add(world, [compact(wrapped({"a.output.x": 1, "a.output.yy": "x" * length})) for length in range(60)])
    figures = assert_same(world, server, Wanted(dead_keys=True))
    assert figures.dead_keys is not None
    assert figures.dead_keys.bytes == sum(range(2, 62))
    assert not len(server.given[0].apart)


def test_what_the_server_cannot_judge_is_read(postgres_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not asked to count that, nor where nobody can say what names a file."""
    world = postgres_world
    add(world, [compact({"a.output.x": described(locator("a", "x"))})] * 300)
    monkeypatch.setattr(run_groups, "count_groups", None)
    assert count(world).run_count == 300
    add(world, ['{"a":1}'] * 300)
    monkeypatch.setattr(ask, "_MOST_APART", -1)
    assert count(world).run_count == 300
