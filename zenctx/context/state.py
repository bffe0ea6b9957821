"""What a running context is besides its values, and its text for whoever keeps it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Self

import msgspec

from zenctx.errors import DataError


@dataclass(frozen=True, slots=True)
class RuntimeState:
    """What a context is besides its values, as plain values: what `zenctx_runtime_state` holds.

    `consumers`: nodes by key; `aliases`: templates by name; `loops`: the running ones, the outermost first;
    `loop_reads`: for each of them, nodes by key; `bytes_keys`: the keys whose value in memory is bytes.
    """

    consumers: Mapping[str, list[str]] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    loops: tuple[str, ...] = ()
    loop_reads: Mapping[str, Mapping[str, list[str]]] = field(default_factory=dict)
    bytes_keys: tuple[str, ...] = ()

    def to_json(self) -> str:
        """Gives the state as JSON text of ASCII alone: any database takes it, whatever the keys are."""
        # Not asdict, which copies every part of it: with many keys that takes longer than all the rest of a save.
        return json.dumps({field.name: getattr(self, field.name) for field in fields(self)}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Gives the state that `to_json` wrote; raises DataError for any other text."""
        try:
            return msgspec.convert(json.loads(text), cls)
        except (ValueError, RecursionError):  # msgspec's error is a ValueError, and would quote the text
            raise DataError("the state is not what zenctx wrote") from None
