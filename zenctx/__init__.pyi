from zenctx.config.settings import Settings, load_settings
from zenctx.context.convert import StoredContent
from zenctx.context.counters import CounterSnapshot, Failure, Stage, ValueCounters
from zenctx.context.descriptor import DescriptorType, RefValueDescriptor
from zenctx.context.encode import NotEncodableError, encode
from zenctx.context.factory import RefValueFactory, StoragePreference, TemporaryFiles
from zenctx.context.persistence import ContextFailedError, PutFile
from zenctx.context.rawjson import RawJson
from zenctx.context.rules import EngineReads, FileStrategy, OnMissing, StorageRules
from zenctx.context.runtime import RuntimeContext
from zenctx.context.state import RuntimeState
from zenctx.context.typed import NotOfTypeError
from zenctx.context.values import FileValue, InlineFile, JsonValue, MemoryValue, RefValue, ReleasedError, ValueFile
from zenctx.database.engine import Database
from zenctx.errors import (
    DamagedFileError,
    DatabaseError,
    DataError,
    InvalidContextError,
    InvalidDescriptorError,
    LockedError,
    NotFoundError,
    RefusedError,
    SettingsError,
    SetupError,
    StoreError,
    UsageError,
    ZenctxError,
)
from zenctx.operations.context_save import SavedContext
from zenctx.operations.context_store import ContextStore
from zenctx.operations.live_files import LiveFiles, live_files
from zenctx.store.persistent import PersistentFile
from zenctx.store.temporary import LocalTemporaryFiles

__version__: str
__all__ = [
    "ContextFailedError",
    "ContextStore",
    "CounterSnapshot",
    "DamagedFileError",
    "DataError",
    "Database",
    "DatabaseError",
    "DescriptorType",
    "EngineReads",
    "Failure",
    "FileStrategy",
    "FileValue",
    "InlineFile",
    "InvalidContextError",
    "InvalidDescriptorError",
    "JsonValue",
    "LiveFiles",
    "LocalTemporaryFiles",
    "LockedError",
    "MemoryValue",
    "NotEncodableError",
    "NotFoundError",
    "NotOfTypeError",
    "OnMissing",
    "PersistentFile",
    "PutFile",
    "RawJson",
    "RefValue",
    "RefValueDescriptor",
    "RefValueFactory",
    "RefusedError",
    "ReleasedError",
    "RuntimeContext",
    "RuntimeState",
    "SavedContext",
    "Settings",
    "SettingsError",
    "SetupError",
    "Stage",
    "StoragePreference",
    "StorageRules",
    "StoreError",
    "StoredContent",
    "TemporaryFiles",
    "UsageError",
    "ValueCounters",
    "ValueFile",
    "ZenctxError",
    "__version__",
    "encode",
    "live_files",
    "load_settings",
]
