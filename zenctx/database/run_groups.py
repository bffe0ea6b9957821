"""Counts runs on PostgreSQL in one statement that it may run in parallel, so that few contexts have to be read here.

Runs that are alike come as one row with their sums. Each of the others, whose context only a closer look can judge,
comes by its id. `can_group` begins a transaction in which all statements see the same moment.
"""

import json
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

from zenctx.context.classes import KNOWN_STATUSES
from zenctx.context.datastruct import DataStruct
from zenctx.context.rawjson import MAX_DEPTH
from zenctx.context.redact import SECRET_KEYS
from zenctx.database.checks import can_read, has_table
from zenctx.database.engine import SQLITE
from zenctx.database.scanning import PLAIN_SECRETS, Scanned, Tables, secret_bits, with_texts

_NO_TIME, _UNREADABLE = -2, -1
_SAMPLED = 2000
_USUAL_ROWS_OF_A_PAGE = 5
_FORMS = ("legacy", "descriptors")
"""Those of contexts that have keys."""


class Question(DataStruct, frozen=True):
    """What makes runs alike, and which come by their id.

    `limits`: moments in seconds, ascending; times between the same two are alike; those outside `bounds` are told as
    what cannot be read. `marks`: texts of which a context holds one where it names a file (none: there is no file, and
    nobody needs to know the runs whose class keeps all of theirs). `layouts`: keys that runs of a workflow have, with
    what an object of them takes without its values; values under other keys come by their id (None: keys do not
    matter). So do contexts longer than `longest`, those that may have a value longer than `longest_value` (None: it
    does not matter), and the runs `apart`. `pivots`: keys whose values are measured to tell how long others can be.
    `described`: whether descriptors are judged, too, which takes longer; else all of them come by their id.
    """

    limits: Sequence[float]
    bounds: tuple[float, float]
    marks: Sequence[str]
    layouts: Sequence["Layout"] | None = None
    longest: int | None = None
    longest_value: int | None = None
    pivots: Sequence[str] = ()
    apart: Sequence[str] = ()
    described: bool = True


class Layout(NamedTuple):
    """The keys of runs of a workflow, none of them empty, and the bytes around the values under them."""

    workflow_id: str
    keys: tuple[str, ...]
    around: int


class RunGroup(NamedTuple):
    """Runs that are alike: their contexts are NULL, `{}`, plain values or descriptors of such under the same keys.

    `started`, `ended`: how many of the limits do not lie behind that time (None: no time, -1: none that can be read).
    `form`: `null`, `empty`, `legacy` or `descriptors`. `secrets`: the reserved keys whose values are not blank.
    `wrapped`: those of the bytes that descriptors take beside the names of the keys and their values.
    """

    workflow_id: str
    status: str
    started: int | None
    ended: int | None
    form: str
    layout: Layout | None
    secrets: tuple[str, ...]
    runs: int
    bytes: int
    wrapped: int


class Apart:
    """Runs that come by their id, each with the length of its context, in 24 bytes: there may be many."""

    def __init__(self) -> None:
        self._ids, self._lengths = bytearray(), array("Q")

    def add(self, run_id: str, length: int) -> None:
        """Takes one in."""
        self._ids += UUID(run_id).bytes
        self._lengths.append(length)

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[tuple[str, int]]:
        for at, length in enumerate(self._lengths):
            yield str(UUID(bytes=bytes(self._ids[at * 16 : at * 16 + 16]))), length


class Counted(NamedTuple):
    """The groups, and the runs that are in none."""

    groups: list[RunGroup]
    apart: Apart


# Where statements may not take long, pieces are read, each of which is soon there.
_CAN = """
    select a.atttypid = 'jsonb'::regtype and current_setting('server_encoding') = 'UTF8'
        and current_setting('server_version_num')::int >= 120000 and c.relkind = 'r'
        and current_setting('statement_timeout') = '0'
    from pg_attribute a join pg_class c on c.oid = a.attrelid
    where a.attrelid = to_regclass('workflow_runs') and a.attname = 'context' and a.attnum > 0"""
# What the planner cannot know: every context has to be looked at, which is dear, and few rows come of it.
_SETTINGS = (
    "set transaction isolation level repeatable read",
    "set local parallel_setup_cost = 0",
    "set local parallel_tuple_cost = 0",
    "set local min_parallel_table_scan_size = 0",
    "set local jit = off",
)
_SAMPLE = "workflow_runs tablesample system ({share})"
_ROWS_THERE = """
    select pg_relation_size(oid) / current_setting('block_size')::int
        * case when relpages > 0 and reltuples > 0 then reltuples / relpages else :usual end
    from pg_class where oid = to_regclass('workflow_runs')"""
_ALIVE = """
    select distinct r.id::text from workflow_runs r join node_executions n on n.workflow_run_id = r.id
    where r.ended_at is null and r.started_at < to_timestamp(:since)
        and (n.started_at >= to_timestamp(:since) or n.ended_at >= to_timestamp(:since))
    limit :most"""

# How `jsonb` spells nearly all descriptors in memory, behind the size. A quote that stands behind a blank is none that
# a string holds, where it would be escaped: so wherever this text stands it is these properties, side by side.
_USUAL = b', "type": "MEMORY", "locator": null, "checksum": null, "mediaType": null, "inlineValue": '
_BESIDE_SIZE = len(b'{"size": ') + len(_USUAL) + len(b"}")
_USUAL_DESCRIPTOR = re.compile(rb'\{"size": ([0-9]{1,9})' + re.escape(_USUAL))

# Each step stands behind an `offset`, so that what it computes is computed once; it is quoted because a number would
# have to be converted first, and only what is a constant from the beginning lets a server run the steps in parallel.
# All that makes runs alike is one text, of which a server expects few: so its workers add up before they meet.
_GROUPS = """
    select q.apart, q.code, count(*), sum(q.bytes)::int8, sum(q.wrapped)::int8 from ({rows}) q group by 1, 2"""
_ROWS = """
    select r.apart, r.workflow_id, r.bytes, r.wrapped, r.form, {context} as c,
        case when r.apart then r.id::text else
            concat_ws(' ', r.workflow_id, r.started, r.ended, r.form, r.layout, r.secrets, r.status) end as code
    from (
        select s.*, s.form is null {apart} as apart
        from (
            select f.*, {secrets} as secrets, {layout} as layout, {started} as started, {ended} as ended {pivots}
            from (
                select c.*, coalesce(octet_length(c.t), 0) as bytes, {form} as form, {wrapped} as wrapped
                from ({contexts}) c
                offset '0') f
            offset '0') s
        offset '0') r
    offset '0'"""
_CONTEXTS = """
    select id, workflow_id, status, started_at, ended_at, context as c, context::text as t
    from workflow_runs offset '0'"""
# A context is decompressed once. Where every name `inlineValue` stands in a usual descriptor, and every entry has it
# and a size that is null or below the number there, `sizes` are these: `[8, 4]`. In `strict` mode a path that leads
# nowhere in any of the entries makes the whole untrue.
_DESCRIBED_CONTEXTS = """
    select z.*, octet_length(z.sizes) - octet_length(replace(z.sizes, ',', '')) + 1 as entries
    from (
        select w.*, case
            when octet_length(w.rest) < octet_length(w.t) and strpos(w.rest, '"inlineValue": ') = 0
                and w.c @? 'strict $ ? (exists(@.*.inlineValue) && !(@.*.size >= 1000000000))'
            then jsonb_path_query_array(w.c, 'strict $.*.size', '{{}}', true)::text end as sizes
        from (
            select v.*, replace(v.t, '{usual}', '') as rest
            from (
                select u.*, u.c::text as t
                from (
                    select id, workflow_id, status, started_at, ended_at, context #> '{{}}' as c
                    from workflow_runs offset '0') u
                offset '0') v
            offset '0') w
        offset '0') z
    offset '0'"""
_WRAPPED = f"coalesce(c.entries * {_BESIDE_SIZE} + octet_length(c.sizes) - 2 * c.entries, 0)"
# `jsonb` has no name twice and nothing but UTF-8. What may be a descriptor has one of three types; a level of nesting
# takes two bytes at least.
_FORM = f"""
    case when c.t is null then 'null' when c.t = '{{{{}}}}' then 'empty' {{described}}
        when jsonb_typeof(c.c) = 'object'
            and not c.c @? '$.*.type ? (@ == "MEMORY" || @ == "FILE" || @ == "JSON")'
            and (octet_length(c.t) <= {2 * MAX_DEPTH} or not c.c @? '$.**{{{{{MAX_DEPTH}}}}}') {{marks}}
        then 'legacy' end"""
# A descriptor with its size and the five properties of the usual text, and six in all, has no other.
_IS_DESCRIBED = f"""
        when c.sizes is not null then
            case when strpos(c.sizes, '-') = 0
                and jsonb_array_length(jsonb_path_query_array(c.c, 'strict $.*.*', '{{{{}}}}', true)) = 6 * c.entries
                and (octet_length(c.rest) <= {2 * MAX_DEPTH} or not c.c @? '$.**{{{{{MAX_DEPTH}}}}}') {{marks}}
            then 'descriptors' end"""
_UNMARKED = """ and strpos(c.t, '"JSON"') = 0 and strpos(c.t, chr(92) || 'u') = 0"""
# No key but these; and not fewer, for an object of more pairs is greater, and of as many the one with the empty name
# is the least.
_LAYOUT = "when f.workflow_id = %s::uuid and f.c - %s::text[] = '{{}}' and f.c > %s::jsonb then {at} "
_BUCKET = f"""
    case when f.{{time}} is null then {_NO_TIME}
        when date_part('epoch', f.{{time}}) between %s and %s
        then width_bucket(date_part('epoch', f.{{time}}), %s::float8[]) else {_UNREADABLE} end"""
_KNOWN = ", ".join(f"'{status}'" for status in KNOWN_STATUSES)
_MAY_HOLD_FILES = f"""
    or s.started = {_UNREADABLE} or s.ended = {_UNREADABLE} or s.status::text not in ({_KNOWN})
    or (s.form in ('null', 'empty') and (s.ended_at is null or s.status::text in ('RUNNING', 'WAITING')))"""
_DESCRIBED = "f.c -> '{key}' -> 'inlineValue'"
_SECRETS = "case f.form when 'legacy' then {plain} when 'descriptors' then {described} else 0 end"
_PIVOT = """, case f.form when 'legacy' then coalesce(octet_length((f.c -> %s)::text), 0)
    when 'descriptors' then coalesce(octet_length((f.c -> %s -> 'inlineValue')::text), 0) end as pivot{at}"""
# What the names take, and the pivots, is in no other value.
_MAY_HOLD_LONG_VALUE = """
    or (s.layout >= 0 and s.bytes > {longest} and (greatest(0{each}) > {longest}
        or s.bytes - s.wrapped - (%s::int[])[s.layout + 1]{less} > {longest}))"""
_HELD = """
    select q.workflow_id::text, k.key, count(*), sum(octet_length(
        case q.form when 'descriptors' then q.c -> k.key -> 'inlineValue' else q.c -> k.key end::text))::int8
    from ({rows}) q join unnest(%s::text[], %s::text[]) as k (workflow_id, key)
        on k.workflow_id = q.workflow_id::text and q.c ? k.key
    where not q.apart group by 1, 2"""


def can_group(connection: Connection) -> bool:
    """Tells whether runs can be grouped; if so it has begun a transaction, which the caller ends."""
    if connection.dialect.name == SQLITE:
        return False
    if not connection.scalar(text(_CAN)):
        connection.rollback()
        return False
    connection.rollback()
    for each in _SETTINGS:
        connection.execute(text(each))
    return True


def wrapping(text: bytes, entries: int) -> int | None:
    """Gives the bytes that descriptors take in the text of a `jsonb` beside keys and values.

    None where they are not all usual ones, which come by their id.
    """
    sizes = _USUAL_DESCRIPTOR.findall(text)
    return sum(map(len, sizes)) + entries * _BESIDE_SIZE if len(sizes) == entries else None


def sample(connection: Connection, tables: Tables) -> Iterator[Scanned]:
    """Yields about two thousand runs from all over the table, those with long contexts left out."""
    rows = connection.scalar(text(_ROWS_THERE), {"usual": _USUAL_ROWS_OF_A_PAGE}) or 0
    share = 100.0 * min(1.0, _SAMPLED / max(rows, 1.0))
    return with_texts(connection, tables, _SAMPLE.format(share=share), 2 * _SAMPLED)


def alive_again(connection: Connection, since: float, most: int) -> list[str] | None:
    """Gives up to `most` runs that began before a moment and did not end, of which a node began or ended since.

    None where that may not be read: it may be any.
    """
    if not has_table(connection, "node_executions"):
        return []
    if not can_read(connection, "node_executions"):
        return None
    return list(connection.execute(text(_ALIVE), {"since": since, "most": most}).scalars())


def count_groups(connection: Connection, question: Question) -> Counted:
    """Counts all runs."""
    counted = Counted([], Apart())
    rows, arguments = _rows(question, context="null")
    with _driver(connection).cursor() as cursor:
        # Row by row as they come; a cursor of the server would keep it from working in parallel.
        for is_apart, code, runs, length, wrapped in cursor.stream(_GROUPS.format(rows=rows), arguments, binary=True):
            if is_apart:
                counted.apart.add(code, length)
            else:
                counted.groups.append(_group(code, question.layouts or (), runs, length, wrapped))
    return counted


def _group(code: str, layouts: Sequence[Layout], runs: int, length: int, wrapped: int) -> RunGroup:
    workflow_id, started, ended, form, at, secrets, status = code.split(" ", 6)
    layout = layouts[int(at)] if int(at) >= 0 else None
    times = _bucket(int(started)), _bucket(int(ended))
    return RunGroup(workflow_id, status, *times, form, layout, PLAIN_SECRETS[int(secrets)], runs, length, wrapped)


def _bucket(number: int) -> int | None:
    return None if number == _NO_TIME else number


def held(
    connection: Connection, question: Question, keys: Iterable[tuple[str, str]]
) -> Iterator[tuple[str, str, int, int]]:
    """Yields for keys of workflows in how many of the grouped runs each stands, and the bytes of its values there."""
    rows, arguments = _rows(question, context="r.c")
    workflow_ids, names = zip(*keys, strict=True)
    with _driver(connection).cursor() as cursor:
        given = [*arguments, list(workflow_ids), list(names)]
        yield from cursor.execute(_HELD.format(rows=rows), given, binary=True)


def _rows(question: Question, context: str) -> tuple[str, list[object]]:
    """Gives the rows to be grouped, and the arguments in the order in which they stand there."""
    times: list[object] = [*question.bounds, list(question.limits)]
    apart, few = _apart(question)
    layout, known = _layouts(question.layouts or ())
    marks = "".join(" and strpos(c.t, %s) = 0" for _ in question.marks)
    marks += _UNMARKED if marks else ""
    described = _IS_DESCRIBED.format(marks=marks) if question.described else ""
    keys = _secret_keys(question.layouts)
    rows = _ROWS.format(
        context=context,
        apart=apart,
        secrets=_SECRETS.format(plain=secret_bits("f.c -> '{key}'", keys), described=secret_bits(_DESCRIBED, keys)),
        layout=layout,
        started=_BUCKET.format(time="started_at"),
        ended=_BUCKET.format(time="ended_at"),
        pivots="".join(_PIVOT.format(at=at) for at in range(len(question.pivots))),
        form=_FORM.format(marks=marks, described=described),
        wrapped=_WRAPPED if described else "0",
        contexts=_DESCRIBED_CONTEXTS.format(usual=_USUAL.decode()) if described else _CONTEXTS,
    )
    pivots = [key for key in question.pivots for _ in _FORMS]
    return rows, [*few, *known, *times, *times, *pivots, *question.marks, *(question.marks if described else ())]


def _layouts(layouts: Sequence[Layout]) -> tuple[str, list[object]]:
    if not layouts:
        return "-1", []
    known = list[object]()
    for workflow_id, keys, _ in layouts:
        least = {"": None} | dict.fromkeys(range(1, len(keys)))
        known += [workflow_id, list(keys), json.dumps(least)]
    each = "".join(_LAYOUT.format(at=at) for at in range(len(layouts)))
    return f"case when (f.form in {_FORMS}) is not true then -1 {each}else -1 end", known


def _secret_keys(layouts: Sequence[Layout] | None) -> Sequence[str]:
    """Gives the reserved keys that the runs to be grouped may have."""
    return SECRET_KEYS if layouts is None else [key for key in SECRET_KEYS if any(key in each.keys for each in layouts)]


def _apart(question: Question) -> tuple[str, list[object]]:
    conditions, arguments = "", list[object]()
    if question.apart:
        conditions += " or s.id = any(%s::uuid[])"
        arguments.append(list(question.apart))
    if question.marks:
        conditions += _MAY_HOLD_FILES
    if question.layouts is not None:
        conditions += f" or (s.form in {_FORMS} and s.layout < 0)"
    if question.longest is not None:
        conditions += f" or s.bytes > {int(question.longest)}"
    if question.longest_value is not None:
        pivots = [f"s.pivot{at}" for at in range(len(question.pivots))]
        conditions += _MAY_HOLD_LONG_VALUE.format(
            longest=int(question.longest_value),
            each="".join(f", {pivot}" for pivot in pivots),
            less="".join(f" - {pivot}" for pivot in pivots),
        )
        arguments.append([layout.around for layout in question.layouts or ()])
    return conditions, arguments


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection
