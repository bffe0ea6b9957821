"""What a snapshot makes of a context quickly is what is made of it carefully, as far as forms and files go."""

from hypothesis import example, given

from tests.context import texts
from zenctx.context.forms import Form, detect
from zenctx.operations.snapshotting.files import detect_quickly


def inside(locator: str) -> bool:
    """Tell a locator that may be opened."""
    return not locator.startswith("/")


@given(texts.contexts | texts.mangled_contexts)
@example(b"{}")
@example(b' {"a" : null}')
@example(b'{"a":1,"a":1}')
@example(b'{"a":{"type":"FILE","locator":"x"}}')
@example(b'{"a":{"type":"FILE","\\u006cocator":"x"}}')
@example(b'{"a":{"type":"MEMORY","locator":null,"mediaType":null,"size":8,"checksum":null,"inlineValue":1}}')
def test_the_quick_way_is_the_careful_way(text: bytes) -> None:
    """The same form and reason; the same entries, or none where none has a locator."""
    quick, careful = detect_quickly(text, inside), detect(text, inside)
    assert (quick.form, quick.reason) == (careful.form, careful.reason)
    if quick.entries != careful.entries:
        assert quick.entries == ()
        assert not any(entry.descriptor and entry.descriptor.locator for entry in careful.entries)


def test_sql_null_is_its_own_form() -> None:
    """There is nothing to look at."""
    assert detect_quickly(None, inside).form is Form.NULL
