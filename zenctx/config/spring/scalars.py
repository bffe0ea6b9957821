"""What the application gets for a scalar of YAML 1.1, which makes numbers and truth of texts without quotes."""

import re

_PREFIX = "tag:yaml.org,2002:"
_DECIMAL = re.compile(r"[-+]?(?:0|[1-9][0-9_]*)")
_HEXADECIMAL = re.compile(r"[-+]?0x[0-9a-fA-F_]+")
_BINARY = re.compile(r"[-+]?0b[01_]+")
# Written like this, a number looks the same when Java prints it again: 1.5, but neither 1.10 nor 0.0001.
_SAME_IN_JAVA = re.compile(r"-?(?:0\.(?:0|0?[1-9]\d{0,6})|[1-9]\d{0,6}\.(?:0|\d{0,6}[1-9]))")
# Java's reader takes this for a number, Python's for a text.
_EXPONENT = re.compile(r"[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+")
_TRUE = ("true", "yes", "on")
_AS_WRITTEN = ("str", "timestamp", "value", "merge")


def application_text(tag: str, written: str, *, is_plain: bool) -> tuple[str, str | None] | None:
    """Gives the text that the application gets, and why that is a trap, if it is; None for a tag that it refuses.

    `is_plain` tells that the scalar stands without quotes.
    """
    kind = tag.removeprefix(_PREFIX) if tag.startswith(_PREFIX) else ""
    if kind in _AS_WRITTEN:
        trap = "YAML reads it as a number with an exponent" if is_plain and _EXPONENT.fullmatch(written) else None
        return written, trap
    match kind:
        case "null":
            return "", None
        case "bool":
            return ("true" if written.lower() in _TRUE else "false"), None
        case "int":
            return _whole_number(written)
        case "float":
            return written, None if _SAME_IN_JAVA.fullmatch(written) else "YAML reads it as a number and re-spells it"
        case _:
            return None


def _whole_number(written: str) -> tuple[str, str | None]:
    digits = written.replace("_", "")
    if _DECIMAL.fullmatch(written):
        return digits.removeprefix("+"), None
    if len(digits) > 100:
        return written, "no number is that long"
    if _HEXADECIMAL.fullmatch(written):
        return str(int(digits, 16)), None
    if _BINARY.fullmatch(written):
        return str(int(digits, 2)), None
    return written, "YAML reads it as base 60" if ":" in written else "YAML reads it as an octal number"
