"""An open object that is compared with its name while it is read."""

import hashlib
import io
from typing import TYPE_CHECKING, BinaryIO, cast

from zenctx.errors import DamagedFileError
from zenctx.store.base import ObjectStore

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BUFFER = 1024 * 1024


def open_verified(store: ObjectStore, checksum: str, size: int | None) -> BinaryIO:
    """The content of an object, to be read once from beginning to end, and closed.

    Raises `DamagedFileError` at once when it is missing or has another size, and while its end is read when it is not
    what its name says: what was read before that must not be used.
    """
    entry = store.stat_object(checksum)
    if entry is not None and size not in {None, entry.size}:
        raise DamagedFileError(f"the object {checksum} has {entry.size} bytes, and should have {size}")
    return cast("BinaryIO", io.BufferedReader(_Verified(store.open(checksum), checksum), _BUFFER))


class _Verified(io.RawIOBase):
    """Hashes what passes through, and compares when the end is seen."""

    def __init__(self, file: BinaryIO, checksum: str) -> None:
        super().__init__()
        self._file = file
        self._checksum = checksum
        self._digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        view = memoryview(buffer).cast("B")
        size: int = self._file.readinto(view)  # type: ignore[attr-defined]  # typeshed's BinaryIO lacks it
        self._digest.update(view[:size])
        if size == 0 and view and f"sha256:{self._digest.hexdigest()}" != self._checksum:
            raise DamagedFileError(f"the object {self._checksum} is altered: its content has another checksum")
        return size

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()
