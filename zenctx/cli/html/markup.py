"""HTML as text that is safe by its type: only `Markup` goes in as it is, everything else is escaped."""

import html
from collections.abc import Iterable

from zenctx.cli.terminal import neutralise


class Markup(str):
    """HTML that this program wrote."""

    __slots__ = ()


def escaped(text: object) -> Markup:
    """Gives any text as HTML that shows it; control characters become visible, too."""
    return text if isinstance(text, Markup) else Markup(html.escape(neutralise(str(text)), quote=True))


def tag(name: str, /, *content: object, **attributes: object) -> Markup:
    """Gives an element. In attributes `_` stands for `-`, and one at the end is left out (`class_`)."""
    spelled = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escaped(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{spelled}>{joined(content)}</{name}>")


def joined(parts: Iterable[object]) -> Markup:
    """Gives parts one after the other."""
    return Markup("".join(map(escaped, parts)))
