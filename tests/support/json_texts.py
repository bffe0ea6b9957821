"""Strategies for JSON text: any spelling that the grammar allows, as compact text, numbers of any length included."""

import json

from hypothesis import strategies as st

_LITERALS = ["null", "true", "false", "0", "-0", "0.00", "1.10", "1.0E7", "1e400", "-1.5e-400", '""', "[]", "{}"]
_EXPONENTS = ["", "", "e0", "E5", "e+07", "E-12", "e300", "e-300"]
_ESCAPES = {"/": "\\/", "\u00e9": "\\u00E9", "\u2028": "\\u2028", "\U0001f680": "\\uD83D\\uDE80", "a": "\\u0061"}

characters = st.characters(exclude_categories=["Cs"])
_texts = st.text(characters, max_size=20)


def _number(whole: int, fraction: str, exponent: str) -> str:
    return f"{whole}{fraction}{exponent}"


_fractions = st.just("") | st.integers(0, 10**30).map(lambda digits: f".0{digits}00")
numbers = st.builds(_number, st.integers() | st.integers(-(10**60), 10**60), _fractions, st.sampled_from(_EXPONENTS))
"""Numbers: digits of any length, perhaps a fraction with zeros at either end, perhaps an exponent in any spelling."""


def _spelled(text: str, escaped: bool, ascii_only: bool) -> str:
    def spell(character: str) -> str:
        usual = json.dumps(character, ensure_ascii=ascii_only)[1:-1]
        return _ESCAPES.get(character, usual) if escaped else usual

    return f'"{"".join(map(spell, text))}"'


strings = st.builds(_spelled, _texts, st.booleans(), st.booleans())
"""Strings of any characters, in one of the spellings that JSON has for them."""


def objects(values: st.SearchStrategy[str], max_size: int = 4) -> st.SearchStrategy[str]:
    """Give objects of some values; the names are distinct by what they mean, and spelled in any way."""
    members = st.lists(
        st.tuples(_texts, st.booleans(), st.booleans(), values), max_size=max_size, unique_by=lambda member: member[0]
    )
    return members.map(_object)


def _object(members: list[tuple[str, bool, bool, str]]) -> str:
    spelled = [f"{_spelled(name, escaped, ascii_only)}:{value}" for name, escaped, ascii_only, value in members]
    return "{" + ",".join(spelled) + "}"


def _array(items: list[str]) -> str:
    return f"[{','.join(items)}]"


_scalars = st.sampled_from(_LITERALS) | numbers | strings
values = st.recursive(_scalars, lambda inner: st.lists(inner, max_size=3).map(_array) | objects(inner, 3), max_leaves=5)

_LOOKALIKE = '{{"type":"{}","locator":{},"mediaType":null,"size":{},"checksum":null,"inlineValue":{}}}'
lookalikes = st.builds(
    _LOOKALIKE.format,
    st.sampled_from(["MEMORY", "JSON", "FILE", "OTHER"]),
    st.sampled_from(["null", '"x"', '"/etc/passwd"', '""']),
    st.sampled_from(["8", "-1", "-2", '"8"', "null"]),
    st.sampled_from(["null", "42", '"eyJhIjoxfQ=="', '"test"', "{}"]),
)

contexts = objects(values)
"""Contexts of any values. Lookalikes of descriptors do not come up by chance."""

suspicious_contexts = objects(lookalikes | st.sampled_from(_LITERALS), max_size=3)
"""Contexts that look like descriptors to some degree."""
