"""What the next nodes need of a context, and whether it is there: keys that they read, secrets, profiles."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from shlex import quote
from typing import Any

from zenctx.context.node_graph import Node, NodeGraph
from zenctx.context.rawjson import quoted
from zenctx.database import waking
from zenctx.database.engine import Connection
from zenctx.database.engine_state import Liveness
from zenctx.database.waking import Job, NodeRun, Workflow
from zenctx.errors import ZenctxError
from zenctx.operations.contexts import LoadedContext
from zenctx.operations.diagnosis.finding import error, notice, warning, with_key
from zenctx.operations.verification.report import FindingItem

SECRETS, PROFILES = "__zenflow_secrets", "__zenflow__profiles"
_START = "start the workflow anew, or restore the run from a snapshot that has them: 'zenctx restore SNAPSHOT --run {}'"


@dataclass(slots=True)
class Outlook:
    """What the engine would find when it woke the run.

    `definition` is a clause where it is not understood. The fields that end in `_hidden` say why something could not
    be looked at.
    """

    now: datetime
    liveness: Liveness
    workflow: Workflow | None = None
    workflow_hidden: str | None = None
    definition: NodeGraph | str = "it could not be read"
    jobs: list[Job] = field(default_factory=list)
    jobs_hidden: str | None = None
    nodes: Mapping[str, NodeRun] = field(default_factory=dict)
    nodes_hidden: str | None = None
    next_nodes: frozenset[str] = frozenset()


def check_keys(connection: Connection, context: LoadedContext, outlook: Outlook) -> Iterator[FindingItem]:
    """Names keys that the nodes to come read, that a node before them made, and that are not there.

    Of the nodes at which the run goes on a missing key is an error; of those after them, and where it cannot be seen
    which nodes ran, a warning. A key with a
    default, one that is made anew on the way, and one that its node never made, is nobody's loss.
    """
    definition, run_id = outlook.definition, context.row.run_id
    if isinstance(definition, str) or not context.found.entries:
        return
    if not outlook.next_nodes & definition.nodes.keys():
        if not outlook.jobs and outlook.nodes_hidden is None:
            return  # nothing wakes it: that is said already
        reason = "at which node the run goes on cannot be told, so the keys that it needs were not looked at"
        yield notice("key", reason, "see what is said of its jobs and nodes", run_id=run_id)
        return
    to_come = definition.from_here_on(outlook.next_nodes)
    there = {entry.member.name for entry in context.found.entries}
    for name in sorted(to_come, key=lambda node: (node not in outlook.next_nodes, node)):
        for key, has_default in sorted(definition.nodes[name].reads.items()):
            producer = definition.producer(key)
            if has_default or producer is None or producer in to_come or _is_there(key, there):
                continue
            yield from _missing(connection, run_id, _Read(key, name, producer), outlook)


@dataclass(frozen=True, slots=True)
class _Read:
    """A node reads a key that another one makes."""

    key: str
    node: str
    producer: str


def _missing(connection: Connection, run_id: str, read: _Read, outlook: Outlook) -> Iterator[FindingItem]:
    ran = outlook.nodes.get(read.producer)
    if outlook.nodes_hidden is None and (ran is None or not ran.succeeded):
        return  # a branch that was not taken: the engine reads nothing there, as ever
    was_made = _was_made(connection, run_id, read) if outlook.nodes_hidden is None else None
    if was_made is False:
        return
    hint = f"put it back from a snapshot: zenctx restore SNAPSHOT --run {run_id} --key {quote(read.key)}"
    reason = f"the node {read.node!r} reads it, the node {read.producer!r} has made it, and it is not in the context"
    if was_made is None:
        reason = (
            f"the node {read.node!r} reads it and it is not in the context; the node {read.producer!r} comes before"
        )
    is_certain = outlook.nodes_hidden is None and read.node in outlook.next_nodes
    add = error if is_certain else warning
    yield with_key(add("key", reason, hint, run_id=run_id), read.key)


def _was_made(connection: Connection, run_id: str, read: _Read) -> bool | None:
    """Whether the record of the node's output has a value at the key's place; None where there is no such record."""
    output = waking.output_of(connection, run_id, read.producer)
    if output is None:
        return None
    try:
        found = json.loads(output, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not found:
        return None
    path = read.key.removeprefix(f"{read.producer}.output.")
    return _has_value(found, path)


def _has_value(value: Any, path: str) -> bool:
    if isinstance(value, dict):
        if path in value:
            return value[path] is not None
        # Names may hold dots themselves: each way to cut the path is tried.
        cuts = (at for at, character in enumerate(path) if character in ".[")
        return any(path[:at] in value and _has_value(value[path[:at]], path[at:].lstrip(".")) for at in cuts)
    return value is not None and path.startswith("[")  # inside a list: its items are not compared


def _is_there(key: str, keys: set[str]) -> bool:
    """Whether a key, or one that it is a part of, or parts of it, are in the context: the engine keeps either."""
    if key in keys:
        return True
    above = (key[:at] for at, character in enumerate(key) if character in ".[")
    return any(each in keys for each in above) or any(each.startswith((f"{key}.", f"{key}[")) for each in keys)


def check_secrets(context: LoadedContext, outlook: Outlook) -> Iterator[FindingItem]:
    """Names the secrets and profiles that nodes to come need and the context has not. Shows no value."""
    definition, run_id = outlook.definition, context.row.run_id
    if isinstance(definition, str) or not context.found.entries:
        return
    here = outlook.next_nodes & definition.nodes.keys()
    to_come = definition.from_here_on(frozenset(here)) if here else definition.nodes.keys()
    nodes = [definition.nodes[key] for key in sorted(to_come)]
    yield from _secrets(context, run_id, [node for node in nodes if node.secrets])
    yield from _profiles(context, run_id, [node for node in nodes if node.needs_profile])


def _secrets(context: LoadedContext, run_id: str, nodes: list[Node]) -> Iterator[FindingItem]:
    kept = _kept(context, SECRETS) if nodes else {}
    if kept is None:
        yield with_key(_gone("secrets", SECRETS, nodes, run_id), SECRETS)
        return
    for node in nodes:
        own = kept.get(node.key)
        if not isinstance(own, dict):
            yield with_key(_gone("secrets", SECRETS, [node], run_id), SECRETS)
            continue
        missing = sorted(name for name in node.secrets if own.get(name) is None)
        if missing:
            names = ", ".join(map(quoted, missing))
            reason = f"the node {node.key!r} uses the secret {names}, which is not there by that name"
            yield with_key(warning("secret", reason, _START.format(run_id), run_id=run_id), SECRETS)


def _profiles(context: LoadedContext, run_id: str, nodes: list[Node]) -> Iterator[FindingItem]:
    kept = _kept(context, PROFILES) if nodes else {}
    without = [node for node in nodes if kept is None or not isinstance(kept.get(node.key), dict)]
    if without:
        yield with_key(_gone("a profile", PROFILES, without, run_id), PROFILES)


def _gone(what: str, key: str, nodes: list[Node], run_id: str) -> FindingItem:
    named = ", ".join(repr(node.key) for node in nodes[:3]) + (" and others" if len(nodes) > 3 else "")
    reason = f"the context has none under {key} for {named}, which need{'s' if len(nodes) == 1 else ''} {what}"
    return error("secret", reason, _START.format(run_id), run_id=run_id)


def _kept(context: LoadedContext, key: str) -> dict[str, Any] | None:
    """What stands under a reserved key, by node; None where it is not there or cannot be read."""
    entry = next((entry for entry in context.found.entries if entry.member.name == key), None)
    if entry is None:
        return None
    try:
        found = json.loads(context.plain(entry), parse_int=str, parse_float=str)
    except (ZenctxError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
