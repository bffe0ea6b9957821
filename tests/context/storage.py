"""There and back with files in memory: what `migrate` does, without a store."""

import hashlib
from dataclasses import replace

from zenctx.context.convert import BytesAs, StoredContent, unwrap, wrap
from zenctx.context.descriptor import RefValueDescriptor
from zenctx.context.forms import detect
from zenctx.context.rawjson import split_object
from zenctx.context.rules import EngineReads, FileStrategy, StorageRules

SMALL = StorageRules(memory_threshold=12, json_threshold=20, inline_file_threshold=16)
"""Thresholds that small values are above of."""

ALL_RULES = [
    replace(thresholds, engine_reads=reads, file_strategy=strategy)
    for reads in EngineReads
    for strategy in FileStrategy
    for thresholds in (StorageRules(), SMALL)
]


class Files:
    """Files in memory, by locator."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}

    def read(self, descriptor: RefValueDescriptor) -> bytes:
        """Give the content that a descriptor names."""
        return self.contents[descriptor.locator or ""]

    def put(self, content: bytes) -> StoredContent:
        """Keep content under a name of its own."""
        locator = f"files/{len(self.contents)}"
        self.contents[locator] = content
        return StoredContent(locator, len(content), f"sha256:{hashlib.sha256(content).hexdigest()}")


def anywhere(_: str) -> bool:
    """Take every locator for one inside the directories."""
    return True


def there(text: bytes, rules: StorageRules, files: Files) -> bytes:
    """Turn a context into descriptors, whatever its values look like."""
    wrapped = wrap(split_object(text), rules)
    return wrapped.text([files.put(bytes(value.content)) for value in wrapped.large])


def back(text: bytes, files: Files, bytes_as: BytesAs = BytesAs.REFUSE) -> bytes:
    """Turn descriptors into the context they wrap."""
    return unwrap(detect(text, anywhere).entries, files.read, bytes_as)
