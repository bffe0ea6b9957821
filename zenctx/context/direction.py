"""The two forms between which contexts are converted."""

from enum import StrEnum


class Direction(StrEnum):
    """The form that contexts are to get."""

    DESCRIPTORS = "descriptors"
    LEGACY = "legacy"
