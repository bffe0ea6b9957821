"""JSON on standard output: one document, or one line an item; written as items come, so memory stays flat."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import PurePath
from time import monotonic
from typing import TYPE_CHECKING, Any

import orjson

from zenctx import __version__
from zenctx.cli.columns import Column
from zenctx.cli.failure import Failure
from zenctx.cli.output import Heading, Report
from zenctx.cli.streams import Stdout
from zenctx.cli.terminal import neutralise_json
from zenctx.context.rawjson import RawJson

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_PROGRESS_SECONDS = 2.0

# Dataclasses and times go through `_default`, which knows raw JSON inside the one and writes the other in UTC.
_OPTIONS = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME


class _JsonBase:
    """What both JSON formats share: what they are told about text they ignore, what they write is safe to look at."""

    def __init__(self, stdout: Stdout, heading: Heading) -> None:
        self._stdout = stdout
        self._heading = heading
        self._ended = False

    def begin(self, columns: Sequence[Column], *, facts: Sequence[Column] = ()) -> None:
        """Ignored: every field is written."""

    def show(self, text: str) -> None:
        """Ignored: items and summary say it all."""

    def finish(self, report: Report) -> int:
        """Writes the end and gives the report's exit code."""
        self._ended = True
        self._end(report.summary, report.exit_code, None, dry_run=report.dry_run)
        return report.exit_code

    def fail(self, failure: Failure) -> None:
        """Writes the end with the error in it; what items there were stay valid."""
        error = {"kind": failure.kind, "message": failure.message, "hint": failure.hint}
        if not self._ended:
            self._end({}, failure.exit_code, error, dry_run=self._heading.dry_run)

    def _end(self, summary: object, exit_code: int, error: Mapping[str, object] | None, *, dry_run: bool) -> None:
        raise NotImplementedError

    def _write(self, data: bytes) -> None:
        if self._stdout.is_terminal:
            # Off a terminal raw values stay as they are spelled, to the byte.
            data = neutralise_json(data.decode()).encode()
        self._stdout.write_bytes(data)


class JsonOutput(_JsonBase):
    """One document: `{"command", "version", "dry_run", "items", "summary", "exit_code", "error"}`."""

    _items = 0

    def item(self, item: "DataclassInstance") -> None:
        """Writes one element of `items`."""
        data = encode_item(item)
        if self._items:
            self._write(b",\n" + data)
        else:
            self._write(self._start(dry_run=self._heading.dry_run) + b"\n" + data)
        self._items += 1

    def _start(self, *, dry_run: bool) -> bytes:
        head = encode({"command": self._heading.command, "version": __version__, "dry_run": dry_run})
        return head[:-1] + b',"items":['

    def _end(self, summary: object, exit_code: int, error: Mapping[str, object] | None, *, dry_run: bool) -> None:
        tail = encode({"summary": summary, "exit_code": exit_code, "error": error})
        start = b"\n" if self._items else self._start(dry_run=dry_run)
        self._write(start + b"]," + tail[1:] + b"\n")


class JsonLinesOutput(_JsonBase):
    """One line an item, `{"type":"item",...}`, and one last line `{"type":"summary",...}`."""

    def item(self, item: "DataclassInstance") -> None:
        """Writes one line."""
        data = encode_item(item)
        self._write(b'{"type":"item"' + (b"," if data != b"{}" else b"") + data[1:] + b"\n")

    def _end(self, summary: object, exit_code: int, error: Mapping[str, object] | None, *, dry_run: bool) -> None:
        line = {
            "type": "summary",
            "command": self._heading.command,
            "version": __version__,
            "dry_run": dry_run,
            "exit_code": exit_code,
            "error": error,
            "summary": summary,
        }
        self._write(encode(line) + b"\n")


class JsonLinesProgress:
    """Lines `{"type":"progress",...}` among those of the items: at each note, else every two seconds."""

    def __init__(self, stdout: Stdout) -> None:
        self._stdout = stdout
        self._total: int | None = None
        self._unit = self._note = ""
        self._facts: dict[str, object] = {}
        self._done = self._bytes = 0
        self._started = self._written = monotonic()

    def start(self, total: int | None, unit: str) -> None:
        """A phase begins."""
        self._total, self._unit = total, unit
        self._done = self._bytes = 0
        self._started = monotonic()

    def advance(self, n: int, bytes_: int = 0) -> None:
        """Counts."""
        self._done += n
        self._bytes += bytes_
        if monotonic() - self._written >= _PROGRESS_SECONDS:
            self._write()

    def note(self, text: str, **facts: object) -> None:
        """Something else is going on."""
        self._note = text
        self._facts |= facts
        self._write()

    def finish(self) -> None:
        """The summary says the rest."""

    def _write(self) -> None:
        self._written = monotonic()
        line = {
            "type": "progress",
            "note": self._note,
            "done": self._done,
            "total": self._total,
            "unit": self._unit,
            "bytes": self._bytes,
            "seconds": round(self._written - self._started, 1),
            **self._facts,
        }
        self._stdout.write_bytes(encode(line) + b"\n")
        self._stdout.flush()


def encode_item(item: "DataclassInstance") -> bytes:
    """Gives the JSON object of one item. Its fields must leave the name `type` to the lines format."""
    if "type" in _field_names(type(item)):
        raise ValueError(f"{type(item).__name__}.type would hide the type of the line")
    return encode(item)


def encode(value: object) -> bytes:
    """Gives compact JSON: RawJson as it is spelled, times in UTC with Z, lone surrogates as visible escapes."""
    try:
        return orjson.dumps(value, default=_default, option=_OPTIONS)
    except orjson.JSONEncodeError:
        return orjson.dumps(_without_surrogates(value), default=_default, option=_OPTIONS)


@cache
def _field_names(kind: type["DataclassInstance"]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def _default(value: Any) -> object:
    match value:
        case RawJson():
            return orjson.Fragment(value.text)
        case datetime():
            aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
            return aware.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case timedelta():
            return value.total_seconds()
        case PurePath():
            return str(value)
        case Mapping():
            return dict(value)
        case set() | frozenset():
            return sorted(value)
        case _ if is_dataclass(value) and not isinstance(value, type):
            return {name: getattr(value, name) for name in _field_names(type(value))}
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _without_surrogates(value: Any) -> object:
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {_without_surrogates(key): _without_surrogates(each) for key, each in value.items()}
        case list() | tuple():
            return [_without_surrogates(each) for each in value]
        case None | bool() | int() | float() | orjson.Fragment():
            return value
        case _:
            return _without_surrogates(_default(value))
