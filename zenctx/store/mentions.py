"""Which files of the directories a stored context names: every string in it that leads to one, wherever it stands.

The form of the context does not matter, nor does the name of the property: what may be a locator to somebody holds its
file. The search is over the text. Nothing is parsed but the strings that could be locators.
"""

import binascii
import json
import re
from base64 import b64encode
from collections.abc import Iterator
from functools import cached_property
from itertools import groupby
from operator import itemgetter

from zenctx.errors import LocatorRefusedError
from zenctx.store.locators import Locators
from zenctx.store.names import MAX_NAME_BYTES

Mentioned = dict[str, set[str]]
"""Names of files by directory, both as in the store; `STORAGE` stands for the directory of temporary files."""

STORAGE = "zenctx-storage"
"""No directory of the store has a name like this: it is reserved."""

_STRING = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)
# Printable ASCII that is written as an escape although it need not be: it could hide a mark.
_HIDING = re.compile(rb"\\u00[2-7]")
# A component that is neither reserved nor anything but itself.
_PLAIN = rb"((?!(?i:zenctx-))[A-Za-z0-9_-][A-Za-z0-9._-]*)"
_BEHIND_BASE = re.compile(f'"{_PLAIN.decode()}/{_PLAIN.decode()}(?="|\\Z)')
_FIRST = itemgetter(0)
_BASE64 = re.compile(rb"[A-Za-z0-9+/=\s]{8,}")


class Mentions:
    """Finds names in texts. A collaborator of a clean-up; keeps no state, so threads may share one."""

    def __init__(self, locators: Locators) -> None:
        self._locators = locators
        marks = locators.marks()
        self.marks: tuple[str, ...] | None = None if marks is None else tuple(sorted(marks))
        """Texts of which every locator holds at least one; None where nothing can be said of all of them."""
        self._marks = None if self.marks is None else [mark.encode() for mark in self.marks]
        # What a JSON text may spell in several ways cannot be looked for as it is.
        if any(json.dumps(mark, ensure_ascii=False) != f'"{mark}"' for mark in self.marks or ()):
            self._marks = self.marks = None

    @property
    def base(self) -> str | None:
        """How a locator of zenctx begins in a JSON text, up to the slash before the name; None where that varies."""
        return f"{self._locators.base}/" if self._usual is not None and self._locators.base.isascii() else None

    def behind_base(self, joined: str) -> Mentioned:
        """Gives what strings name that begin with the base: `joined` has what stands behind it, a quote before each.

        What stands before the first quote means nothing. There is no escape in them.
        """
        found: Mentioned = {}
        usual = _BEHIND_BASE.findall(joined)
        if len(usual) == joined.count('"'):
            for directory, name in usual:
                found.setdefault(directory, set()).add(name)
            return found
        for name in joined.split('"')[1:]:
            self._take(f"{self.base}{name}".encode(), found)
        return found

    def find(self, text: bytes) -> Mentioned:
        """Gives what the text of a context names. What is no JSON at all is searched like the rest."""
        if self._marks is not None and not self._may_hide(text):
            return self._quickly(text)
        return self._carefully(text)

    def place(self, locator: str) -> tuple[str, str] | None:
        """Gives the directory and name of the file that a locator leads to; None where that is no value's place."""
        usual = self._usual_locator if len(locator) <= MAX_NAME_BYTES else None
        if usual is not None and (match := usual.fullmatch(locator)) is not None:
            return match[1], match[2]
        return self._resolved(locator)

    def _may_hide(self, text: bytes) -> bool:
        """Whether a mark could stand in the text in other bytes than its own."""
        marks = self._marks or ()
        if b"\\u" in text and (_HIDING.search(text) is not None or not all(mark.isascii() for mark in marks)):
            return True
        return b'"JSON"' in text and any(encoded in text for encoded in self._encoded)

    @property
    def encoded_marks(self) -> tuple[str, ...]:
        """What base64 makes of each mark, wherever it begins: values of the type JSON are such text."""
        return tuple(each.decode() for each in self._encoded)

    @cached_property
    def _encoded(self) -> list[bytes]:
        return [_core(b"\0" * shift + mark, shift) for mark in self._marks or () for shift in range(3)]

    def _quickly(self, text: bytes) -> Mentioned:
        marks = self._marks or ()
        usual = self._usual
        names = usual.findall(text) if usual is not None else []
        found: Mentioned = {}
        for mark, each in zip(marks, self._in_usual, strict=True):
            if text.count(mark) != len(names) * each:
                break
        else:
            # As nearly always: locators as zenctx writes them, and nothing else.
            for directory, some in groupby(names, _FIRST):
                joined = b"/".join([name for _, name in some]).decode()
                found.setdefault(directory.decode(), set()).update(joined.split("/"))
            return found
        # Something else holds a mark: each of them is looked at.
        for mark in marks:
            self._around(text, mark, found)
        return found

    @cached_property
    def _usual(self) -> re.Pattern[bytes] | None:
        """A locator as zenctx writes it, as a whole JSON string."""
        base = self._locators.base
        probe = self._resolved(f"{base}/a/b")
        if self._marks is None or probe != ("a", "b") or json.dumps(base, ensure_ascii=False) != f'"{base}"':
            return None
        return re.compile(b'"' + re.escape(base.encode()) + b"/" + _PLAIN + b"/" + _PLAIN + b'"')

    @cached_property
    def _usual_locator(self) -> re.Pattern[str] | None:
        """The same as it is when it is read."""
        if self._usual is None:
            return None
        return re.compile(re.escape(self._locators.base) + "/" + _PLAIN.decode() + "/" + _PLAIN.decode())

    @cached_property
    def _in_usual(self) -> list[int]:
        """How often each mark stands in a usual locator."""
        return [self._locators.base.encode().count(mark) for mark in self._marks or ()]

    def _around(self, text: bytes, mark: bytes, found: Mentioned) -> None:
        at = text.find(mark)
        while at >= 0:
            start, end = _quote_before(text, at), _quote_after(text, at + len(mark))
            self._take(text[start + 1 : end], found)
            at = text.find(mark, at + len(mark))

    def _carefully(self, text: bytes) -> Mentioned:
        found: Mentioned = {}
        for match in _STRING.finditer(text):
            self._take(match[1], found)
            self._take_encoded(match[1], found)
        return found

    def _take(self, spelled: bytes, found: Mentioned) -> None:
        place = self._resolved(_unescaped(spelled))
        if place is not None:
            found.setdefault(place[0], set()).add(place[1])

    def _take_encoded(self, spelled: bytes, found: Mentioned) -> None:
        """Looks into a string that may be the base64 text of a JSON document, once."""
        if len(spelled) < 8 or _BASE64.fullmatch(spelled) is None:
            return
        try:
            inner = binascii.a2b_base64(spelled)
        except binascii.Error:
            return
        for match in _STRING.finditer(inner):
            self._take(match[1], found)

    def _resolved(self, locator: str) -> tuple[str, str] | None:
        try:
            located = self._locators.resolve(locator)
        except LocatorRefusedError:
            return None
        if located.root == "storage":
            return STORAGE, located.name
        directory, slash, name = located.name.partition("/")
        return (directory, name) if slash else ("", directory)


def _core(padded: bytes, shift: int) -> bytes:
    """The part of the base64 text that does not depend on what stands before and after."""
    encoded = b64encode(padded).rstrip(b"=")
    rest = len(padded) % 3
    return encoded[(0, 2, 3)[shift] : len(encoded) - (1 if rest else 0)]


def _quote_before(text: bytes, at: int) -> int:
    return next(_unescaped_quotes(text, at, backwards=True), -1)


def _quote_after(text: bytes, at: int) -> int:
    return next(_unescaped_quotes(text, at, backwards=False), len(text))


def _unescaped_quotes(text: bytes, at: int, *, backwards: bool) -> Iterator[int]:
    while True:
        at = text.rfind(b'"', 0, at) if backwards else text.find(b'"', at)
        if at < 0:
            return
        before = at
        while before > 0 and text[before - 1 : before] == b"\\":
            before -= 1
        if (at - before) % 2 == 0:
            yield at
        at = at if backwards else at + 1


def _unescaped(spelled: bytes) -> str:
    if b"\\" not in spelled:
        return spelled.decode("utf-8", "surrogateescape")
    try:
        return str(json.loads(b'"' + spelled + b'"', strict=False))
    except ValueError:
        return spelled.decode("utf-8", "surrogateescape")
