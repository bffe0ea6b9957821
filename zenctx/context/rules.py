"""Where a value of a given kind and size is kept: the engine's thresholds and our choices."""

from dataclasses import dataclass
from enum import StrEnum

KIB = 1024
MIB = 1024 * KIB


class EngineReads(StrEnum):
    """Which descriptors the reading engine can restore from a database."""

    PUBLISHED = "published"
    """MEMORY, and FILE by its locator: the engine as published tests for a `byte[]` that JSON cannot carry."""
    ALL = "all"
    """Also JSON and inline FILE: an engine that decodes their base64 text."""


class FileStrategy(StrEnum):
    """How a FILE value is kept where the engine reads both ways."""

    HYBRID = "hybrid"
    """Inline up to the inline threshold, else in a persistent file."""
    INLINE = "inline"
    """Always inline; a value above the engine's limit is refused."""
    PERSISTENT = "persistent"
    """Always in a persistent file."""


class OnMissing(StrEnum):
    """What a restoration does with a value whose file is gone."""

    FAIL = "fail"
    SKIP = "skip"
    NULL = "null"
    EMPTY = "empty"


# A dataclass, which loads no msgspec: a name of the library costs what it needs.
@dataclass(frozen=True, slots=True)
class StorageRules:
    """The thresholds, in bytes, and the choices that decide where a value is kept.

    Defaults are those of the application, and of an engine that decodes base64 (`ALL`).
    """

    memory_threshold: int = MIB
    json_threshold: int = 2 * MIB
    inline_file_threshold: int = MIB
    engine_reads: EngineReads = EngineReads.ALL
    file_strategy: FileStrategy = FileStrategy.HYBRID
    checksums: bool = True
