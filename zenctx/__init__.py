"""Operators' tool for the execution state that ZenFlow keeps of its workflow runs, and a library of the same values.

The names of the library (`__all__`) are imported when they are first asked for, so that `import zenctx` stays quick;
type checkers read them in `__init__.pyi`.
"""

__version__ = "0.1.0"

_NAMES = {
    "zenctx.config.settings": ("Settings", "load_settings"),
    "zenctx.context.convert": ("StoredContent",),
    "zenctx.context.counters": ("CounterSnapshot", "Failure", "Stage", "ValueCounters"),
    "zenctx.context.descriptor": ("DescriptorType", "RefValueDescriptor"),
    "zenctx.context.encode": ("NotEncodableError", "encode"),
    "zenctx.context.factory": ("RefValueFactory", "StoragePreference", "TemporaryFiles"),
    "zenctx.context.persistence": ("ContextFailedError", "PutFile"),
    "zenctx.context.rawjson": ("RawJson",),
    "zenctx.context.rules": ("EngineReads", "FileStrategy", "OnMissing", "StorageRules"),
    "zenctx.context.runtime": ("RuntimeContext",),
    "zenctx.context.state": ("RuntimeState",),
    "zenctx.context.typed": ("NotOfTypeError",),
    "zenctx.context.values": (
        "FileValue",
        "InlineFile",
        "JsonValue",
        "MemoryValue",
        "RefValue",
        "ReleasedError",
        "ValueFile",
    ),
    "zenctx.database.engine": ("Database",),
    "zenctx.errors": (
        "DamagedFileError",
        "DataError",
        "DatabaseError",
        "InvalidContextError",
        "InvalidDescriptorError",
        "LockedError",
        "NotFoundError",
        "RefusedError",
        "SettingsError",
        "SetupError",
        "StoreError",
        "UsageError",
        "ZenctxError",
    ),
    "zenctx.operations.context_save": ("SavedContext",),
    "zenctx.operations.context_store": ("ContextStore",),
    "zenctx.operations.live_files": ("LiveFiles", "live_files"),
    "zenctx.store.persistent": ("PersistentFile",),
    "zenctx.store.temporary": ("LocalTemporaryFiles",),
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names}

__all__ = ["__version__"]
__all__ += list(_HOMES)


def __getattr__(name: str) -> object:
    """Imports a public name when it is first asked for."""
    home = _HOMES.get(name)
    if home is None:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message, name=name)
    from importlib import import_module  # noqa: PLC0415  it would double what `import zenctx` costs

    value: object = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
