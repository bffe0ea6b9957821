"""A file of the store as the content of a value: named by the locator in a descriptor, opened below the directories."""

from dataclasses import dataclass
from typing import BinaryIO

from zenctx.store.locators import Locators


@dataclass(frozen=True, slots=True)
class PersistentFile:
    """A file that a stored descriptor names; `size` (-1: unknown) and `checksum` are what the descriptor says."""

    locators: Locators
    locator: str
    size: int
    checksum: str | None

    def open(self) -> BinaryIO:
        """The content, to be read and closed; raises as `Locators.open` does."""
        return self.locators.open(self.locator)

    def discard(self) -> None:
        """Leave it: it belongs to the row that names it, and is removed when no row does."""
