"""Runs with planted secrets, and all that the database and its files hold as one text."""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from tests.operations.world import World
from tests.support.rows import compact
from zenctx.database.rows import Selection
from zenctx.operations import scrub as operation
from zenctx.operations.audit import audit
from zenctx.operations.live_files import bind_store, live_files
from zenctx.operations.scrubbing.report import AuditItem, AuditReport, ScrubItem, ScrubReport
from zenctx.operations.scrubbing.request import AuditRequest, ScrubRequest

SECRET = 'sk-not/a+real\\"sécret 7'
PIN = 48151623
MASK = "***"
_TABLES = ("workflow_runs", "node_executions", "zenctx_runtime_state", "zenctx_released_file", "zenctx_operation",
           "zenctx_quarantine")  # fmt: skip
_ESCAPE = re.compile(rb'\\(?:u[0-9a-f]{4}|["\\/nrt])')
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{8,}={0,2}")


@dataclass
class Vault:
    """A world in which runs have secrets."""

    world: World
    nodes: list[tuple[str, str]] = field(default_factory=list)

    def add_node(self, run_id: str, output: str | None, error: str | None = None, key: str = "http") -> str:
        """Adds an execution of a node; gives its id."""
        cast = "" if self.world.rows.is_sqlite else "::jsonb"
        node_id = str(uuid4())
        self.world.rows.execute(
            "insert into node_executions (id, workflow_run_id, node_key, status, output, error) values "
            f"(:id, :run_id, :key, 'SUCCESS', cast(:output as text){cast.replace(':', chr(92) + ':')}, :error)",
            id=node_id, run_id=run_id, key=key, output=output, error=error,
        )  # fmt: skip
        return node_id

    def set_error(self, run_id: str, error: str) -> None:
        """Gives a run an error text."""
        self.world.rows.execute("update workflow_runs set error = :error where id = :id", id=run_id, error=error)

    def add_state(self, run_id: str, state: str) -> None:
        """Gives a run a runtime state."""
        self.world.rows.execute(
            "insert into zenctx_runtime_state (run_id, format_version, state, updated_at) values (:id, 1, :state, :at)",
            id=run_id, state=state, at="2026-01-01T00:00:00Z",
        )  # fmt: skip

    def put(self, run_id: str, key: str, content: bytes, **properties: Any) -> dict[str, Any]:
        """Puts content into a file of a run; gives its descriptor."""
        live = live_files(self.world.settings)
        with self.world.database.connect() as connection:
            bind_store(live, connection)
        stored = live.store.put(run_id, key, content, suffix=".json")
        locator = live.locators.locator_for(stored.name)
        return {"type": "FILE", "locator": locator, "mediaType": "application/json", "size": stored.size,
                "checksum": stored.checksum, "inlineValue": None, **properties}  # fmt: skip

    def audit(self, **asked: Any) -> tuple[AuditReport, list[AuditItem]]:
        """Audits."""
        items: list[AuditItem] = []
        request = AuditRequest(Selection(run_ids=asked.pop("runs", ())), **asked)
        return audit(self.world.database, self.world.settings, request, items.append), items

    def scrub(self, *, dry_run: bool = False, **asked: Any) -> tuple[ScrubReport, dict[str, ScrubItem]]:
        """Scrubs."""
        items: dict[str, ScrubItem] = {}
        request = ScrubRequest(Selection(run_ids=asked.pop("runs", ())), **asked)
        work = operation.rehearse if dry_run else operation.scrub
        report = work(self.world.database, self.world.settings, request, lambda item: items.update({item.run_id: item}))
        return report, items

    def dump(self) -> dict[tuple[str, ...], bytes]:
        """Gives every stored text of the database, and the content of every file."""
        found: dict[tuple[str, ...], bytes] = {}
        for table in _TABLES:
            for row in self.world.rows.fetch(f"select * from {table}"):
                values = row._mapping
                key = str(values.get("id") or values.get("run_id") or values.get("path"))
                for name, value in values.items():
                    stored = value if isinstance(value, bytes) else _text(value).encode()
                    found[table, key, name] = stored
        found |= {("file", name): (self.world.store / name).read_bytes() for name in self.world.files()}
        return found


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list | str) else str(value)


def readings(stored: bytes, levels: int = 3) -> Iterator[bytes]:
    """Gives a text, and what it says in base64 and without the escapes of JSON, some levels deep."""
    yield stored
    if levels:
        for match in _BASE64.finditer(stored):
            for start in range(4):
                piece = match[0][start:]
                yield from readings(base64.b64decode(piece[: len(piece) // 4 * 4]), levels - 1)
        if b"\\" in stored:
            plain = _ESCAPE.sub(lambda each: json.loads(b'"' + each[0] + b'"').encode("utf-8", "replace"), stored)
            yield from readings(plain, levels - 1) if plain != stored else ()


def holding(dumped: dict[tuple[str, ...], bytes], *secrets: str) -> list[tuple[str, ...]]:
    """Gives the places in which a secret can be read."""
    wanted = [secret.encode() for secret in secrets]
    return [
        place
        for place, stored in dumped.items()
        if any(secret in reading for reading in readings(stored) for secret in wanted)
    ]


def memory(value: object, size: int = 8) -> dict[str, object]:
    """Give the descriptor of a value that stays in the row."""
    return {"type": "MEMORY", "locator": None, "mediaType": None, "size": size, "checksum": None, "inlineValue": value}


def inline(kind: str, content: bytes) -> dict[str, object]:
    """Give the descriptor of content that is kept in the row as base64."""
    return {"type": kind, "locator": None, "mediaType": "application/json", "size": len(content), "checksum": None,
            "inlineValue": base64.b64encode(content).decode()}  # fmt: skip


__all__ = ["MASK", "PIN", "SECRET", "Vault", "compact", "holding", "inline", "memory", "readings"]
