"""Every exit code and what it means, as the help shows it."""

from collections.abc import Mapping
from types import MappingProxyType

EXIT_CODES: Mapping[int, str] = MappingProxyType(
    {
        0: "done",
        1: "something unexpected went wrong",
        2: "the command line is wrong; nothing was opened",
        3: "done in part: each failure is named, nothing is lost",
        4: "differences or problems were found",
        5: "refused by a guard; nothing was changed",
        10: "not found: a run, key or store",
        11: "locked by another zenctx or program",
        12: "settings, credentials, database or directory cannot be used",
        130: "interrupted",
        141: "nobody reads the output any more",
    }
)
"""Codes that are not listed are failures, too."""

EVERY_COMMAND = frozenset({0, 1, 2, 12, 130, 141})
"""Those that the help of a single command need not explain."""


def of_command(own: Mapping[int, str]) -> dict[int, str]:
    """Gives the codes that a command explains: `own`, with the usual meaning where it is the empty text."""
    return {code: own[code] or EXIT_CODES[code] for code in sorted(own)}
