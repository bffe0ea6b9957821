"""Makes text from data harmless: what could steer a terminal or hide from the eye is shown as an escape."""

import re
import textwrap

# Patterns are texts here: most text is plain, so that few commands need one, and `re` keeps what it has compiled.

# All of Unicode's categories Cc (controls), Cf (invisible format marks: bidi, zero-width, tags), Cs (lone surrogates),
# Zl and Zp (separators that break a line).
_CONTROLS = "\x00-\x1f"
_HIDDEN = (
    "\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f"
)
_DANGEROUS = f"[{_CONTROLS}{_HIDDEN}]"
_DANGEROUS_IN_LINES = f"[\x00-\x08\x0b-\x1f{_HIDDEN}]"
_DANGEROUS_IN_JSON = f"[{_HIDDEN}]"

_CREDENTIALS_IN_URL = r"(\w[\w+.-]*://[^\s:/@]*):\S*@"
_CREDENTIALS_IN_QUERY = r"(?i)\b(\w*(?:password|passwd|pwd|secret|token))=[^\s&;,'\"]+"


def neutralise(text: str) -> str:
    r"""Gives text that stays on its line and steers nothing: ESC becomes `\x1b`, a newline `\n`, U+202E `\u202e`."""
    return text if _is_plain(text) else re.sub(_DANGEROUS, _escape, text)


def neutralise_lines(text: str) -> str:
    """As `neutralise`, for text that may have several lines: newlines and tabs stay."""
    return text if _is_plain(text) else re.sub(_DANGEROUS_IN_LINES, _escape, text)


def neutralise_json(text: str) -> str:
    """Spells dangerous characters in the strings of a JSON text as JSON escapes: another text, the same value."""
    # Lazy: only JSON on a terminal needs it.
    import json

    return re.sub(_DANGEROUS_IN_JSON, lambda match: json.dumps(match[0])[1:-1], text)


def mask_secrets(text: str) -> str:
    """Hides what looks like a password in a URL (`//user:...@`) or a parameter (`password=...`) in any sentence."""
    if "@" in text:
        text = re.sub(_CREDENTIALS_IN_URL, r"\1:***@", text)
    return re.sub(_CREDENTIALS_IN_QUERY, r"\1=***", text) if "=" in text else text


def wrapped(line: str, width: int) -> str:
    """Breaks a line at its spaces so that it fits; a word that is longer than a line, such as a path, stays whole."""
    return "\n".join(textwrap.wrap(line, max(width, 20), break_long_words=False, break_on_hyphens=False)) or line


def _is_plain(text: str) -> bool:
    # Seen much faster than anything is searched for.
    return text.isascii() and text.isprintable()


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")
