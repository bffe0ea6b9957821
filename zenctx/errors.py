"""Every error that zenctx raises on purpose, drawn as one tree, each with its exit code.

```
ZenctxError                 1   unexpected
├── UsageError              2   an option or argument is wrong
├── PartialError            3   done in part: what was done is whole, the rest is as it was
├── DataError               4   stored data is not what it should be
│   ├── InvalidContextError     a context that cannot be read as a JSON object
│   ├── InvalidDescriptorError  an entry that contradicts itself
│   └── DamagedFileError        a file that is missing, short or altered
│       ├── MissingFileError        one that is not there
│       └── AlteredFileError        one that is there, with another content
├── RefusedError            5   a guard said no; nothing was changed
│   └── LocatorRefusedError     a locator that leaves the configured directories
├── NotFoundError          10   no such run, key, snapshot or store
├── LockedError            11   another zenctx holds the lock
└── SetupError             12   settings, credentials, database or directory unusable
    ├── SettingsError
    ├── DatabaseError
    └── StoreError
```

A message is one sentence in plain words that names what is wrong and where; `hint` says what to do.
"""

from typing import ClassVar


class ZenctxError(Exception):
    """The root: `message` (one sentence, without secrets), `hint` (what to do, or None)."""

    kind: ClassVar[str] = "unexpected"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(ZenctxError):
    """An option or argument that cannot be right; found before anything was opened."""

    kind = "usage"
    exit_code = 2


class PartialError(ZenctxError):
    """The work stopped half-way. What was done is whole, the rest is as it was; running it again goes on."""

    kind = "partial"
    exit_code = 3


class DataError(ZenctxError):
    """Stored data that is not what it should be."""

    kind = "data"
    exit_code = 4


class InvalidContextError(DataError):
    """A context that cannot be read as a JSON object of distinct keys."""

    kind = "invalid_context"


class InvalidDescriptorError(DataError):
    """An entry that the engine could not restore, or that contradicts itself."""

    kind = "invalid_descriptor"


class DamagedFileError(DataError):
    """A file that a descriptor names and that is missing, short or altered."""

    kind = "damaged_file"


class MissingFileError(DamagedFileError):
    """A file that is not there, or in whose place lies something that is no file."""

    kind = "missing_file"


class AlteredFileError(DamagedFileError):
    """A file whose size or checksum is not what its descriptor says."""


class RefusedError(ZenctxError):
    """A guard said no. Nothing was changed; the hint names the override, if there is one."""

    kind = "refused"
    exit_code = 5


class LocatorRefusedError(RefusedError):
    """A locator that leaves the configured directories. Nothing was opened."""

    kind = "locator_refused"


class NotFoundError(ZenctxError):
    """No such run, key, snapshot or store."""

    kind = "not_found"
    exit_code = 10


class LockedError(ZenctxError):
    """Another zenctx process holds the lock."""

    kind = "locked"
    exit_code = 11


class SetupError(ZenctxError):
    """Settings, credentials, database or directory cannot be used as they are."""

    kind = "setup"
    exit_code = 12


class SettingsError(SetupError):
    """A setting is unknown, misspelt or out of range."""

    kind = "settings"


class DatabaseError(SetupError):
    """The database cannot be reached, is not the right one, or refuses."""

    kind = "database"


class StoreError(SetupError):
    """A directory or file of ours cannot be read or written (rights, space, missing mount)."""

    kind = "store"
