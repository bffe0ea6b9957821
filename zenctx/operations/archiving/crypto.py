"""Encryption of archives with age, through the extra `crypto`; keys and passphrases come from files."""

import importlib
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from zenctx.errors import DamagedFileError, NotFoundError, RefusedError, SettingsError, StoreError, UsageError
from zenctx.snapshots.archive import Sink
from zenctx.store.faults import translated

MAX_PASSPHRASE_BYTES = 256 * 1024 * 1024
"""The largest archive that is encrypted with a passphrase, which happens in memory."""

_MAGICS = (b"age-encryption.org/", b"-----BEGIN AGE ENCRYPTED FILE-----")
_LONGEST_KEY_FILE = 64 * 1024
_KEYS_HINT = "'age-keygen' makes a key; its public part begins with age1"


@dataclass(frozen=True, slots=True)
class Keys:
    """What an archive is encrypted for, or decrypted with: keys (or files of keys), or a file with a passphrase."""

    recipients: tuple[str, ...] = ()
    identities: tuple[str, ...] = ()
    passphrase_file: str | None = None

    def __bool__(self) -> bool:
        """Whether anything was given."""
        return bool(self.recipients or self.identities or self.passphrase_file is not None)

    @property
    def kind(self) -> str | None:
        """How it is encrypted, in words; None where it is not."""
        return ("passphrase" if self.passphrase_file is not None else "age key") if self else None


NO_KEYS = Keys()


def temporary_file() -> BinaryIO:
    """Gives a private file without a name, for an archive that is not encrypted yet, or no more."""
    with translated(Path(tempfile.gettempdir()), "written"):
        return cast("BinaryIO", tempfile.TemporaryFile())


def is_encrypted(beginning: bytes) -> bool:
    """Tells whether an archive is encrypted, by its first bytes (at least 40)."""
    return beginning.startswith(_MAGICS)


def encryptor(keys: Keys) -> Callable[[BinaryIO, Sink], None]:
    """Gives what encrypts an open file into a sink. Reads keys at once.

    Raises UsageError for what is no key, SettingsError where the extra is missing, NotFoundError, StoreError.
    """
    age = _age()
    if keys.passphrase_file is not None:
        passphrase = _passphrase(keys.passphrase_file)
        return lambda file, sink: _encrypt_whole(age, file, sink, passphrase)
    recipients = [_recipient(age, text) for text in keys.recipients]

    def encrypt(file: BinaryIO, sink: Sink) -> None:
        pipe = _Pipe(file, sink)
        try:
            age.encrypt_io(pipe, pipe, recipients)
        except (age.EncryptError, OSError) as error:
            raise pipe.error or StoreError(f"the archive cannot be encrypted: {error}") from error
        pipe.check()

    return encrypt


def decryptor(keys: Keys) -> Callable[[BinaryIO, BinaryIO], None]:
    """Gives what decrypts an open file into another one, which must be thrown away unless this returns.

    Raises as `encryptor` does; what it gives raises DamagedFileError for a wrong key or an altered archive.
    """
    age = _age()
    if keys.passphrase_file is not None:
        passphrase = _passphrase(keys.passphrase_file)
        return lambda source, target: _decrypt_whole(age, source, target, passphrase)
    identities = [identity for path in keys.identities for identity in _identities(age, path)]

    def decrypt(source: BinaryIO, target: BinaryIO) -> None:
        pipe = _Pipe(source, target)
        try:
            age.decrypt_io(pipe, pipe, identities)
        except (age.DecryptError, OSError) as error:
            raise pipe.error or _undecryptable(error) from error
        pipe.check()

    return decrypt


def _encrypt_whole(age: Any, file: BinaryIO, sink: Sink, passphrase: str) -> None:
    content = file.read(MAX_PASSPHRASE_BYTES + 1)
    if len(content) > MAX_PASSPHRASE_BYTES:
        raise _too_large("has", "encrypt it with --recipient, which takes any size")
    sink.write(age.passphrase.encrypt(content, passphrase))


def _decrypt_whole(age: Any, source: BinaryIO, target: BinaryIO, passphrase: str) -> None:
    content = source.read(2 * MAX_PASSPHRASE_BYTES + 1)
    if len(content) > 2 * MAX_PASSPHRASE_BYTES:
        raise _too_large("may have", "decrypt it with 'age --decrypt' first")
    try:
        target.write(age.passphrase.decrypt(content, passphrase))
    except age.DecryptError as error:
        raise _undecryptable(error) from error


class _Pipe:
    """Both ends of what the library works on.

    It turns an error of ours into one of its own, or passes over one of its last write in silence: so it is kept.
    """

    def __init__(self, source: BinaryIO, sink: Sink) -> None:
        self._source, self._sink = source, sink
        self.error: Exception | None = None

    def read(self, most: int = -1) -> bytes:
        """Reads on."""
        try:
            return self._source.read(most)
        except Exception as error:
            self.error = self.error or error
            raise

    def write(self, data: bytes) -> int:
        """Writes all of it."""
        try:
            self._sink.write(bytes(data))
        except Exception as error:
            self.error = self.error or error
            raise
        return len(data)

    def flush(self) -> None:
        """Nothing waits here."""

    def check(self) -> None:
        """Raises the error that was kept."""
        if self.error is not None:
            raise self.error


def _age() -> Any:
    try:
        # Lazy: an extra, which only an encrypted archive needs.
        return importlib.import_module("pyrage")
    except ImportError:
        raise SettingsError(
            "encrypting and decrypting archives needs the package pyrage, which is not installed",
            hint="install zenctx with the extra crypto: pip install 'zenctx[crypto]'",
        ) from None


def _recipient(age: Any, text: str) -> object:
    try:
        kind = age.ssh if text.startswith("ssh-") else age.x25519
        recipient: object = kind.Recipient.from_str(text)
    except age.RecipientError:
        shown = "a secret key, which encrypts nothing" if text.upper().startswith("AGE-SECRET") else f"{text[:80]!a}"
        raise UsageError(f"{shown} is no public key of age or ssh", hint=_KEYS_HINT) from None
    return recipient


def _identities(age: Any, path: str) -> Sequence[object]:
    text = _read(path)
    try:
        if "PRIVATE KEY-----" in text:
            return [age.ssh.Identity.from_buffer(text.encode())]
        lines = [line.strip() for line in text.splitlines()]
        found = [age.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    except age.IdentityError:
        found = []
    if not found:
        raise UsageError(f"the file {path} holds no secret key of age or ssh", hint="'age-keygen -o FILE' makes one")
    return found


def _passphrase(path: str) -> str:
    passphrase = _read(path).partition("\n")[0].rstrip("\r")
    if not passphrase:
        raise UsageError(f"the first line of the file {path} is empty", hint="it is to hold the passphrase")
    return passphrase


def _read(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            return file.read(_LONGEST_KEY_FILE).decode()
    except FileNotFoundError:
        raise NotFoundError(f"there is no file {path}") from None
    except (OSError, UnicodeError) as error:
        raise StoreError(f"the file {path} cannot be read: {error}") from None


def _undecryptable(error: Exception) -> DamagedFileError:
    hint = "give the key or passphrase that it was encrypted for; nothing of it was kept"
    return DamagedFileError(f"the archive cannot be decrypted: {str(error)[:200]}", hint=hint)


def _too_large(what: str, hint: str) -> RefusedError:
    message = f"the archive {what} more than {MAX_PASSPHRASE_BYTES:,} bytes, too many for a passphrase"
    return RefusedError(message, hint=hint)
