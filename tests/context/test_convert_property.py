"""Convert and reverse is the identity, twice is the same as once: on arbitrary JSON text, under all rules."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.context import texts
from tests.context.storage import ALL_RULES, Files, anywhere, back, there
from zenctx.context.canonical import canonical
from zenctx.context.convert import wrap
from zenctx.context.descriptor import DescriptorType
from zenctx.context.estimate import estimated_size
from zenctx.context.forms import Fit, Form, detect
from zenctx.context.rawjson import split_object
from zenctx.context.rules import StorageRules

each_rules = st.sampled_from(ALL_RULES)


@settings(max_examples=500)
@given(texts.compact_contexts, each_rules)
def test_there_and_back_gives_the_same_bytes(text: bytes, rules: StorageRules) -> None:
    """Every compact context, values that look like descriptors included, comes back byte for byte."""
    files = Files()
    assert back(there(text, rules, files), files) == text


@settings(max_examples=500)
@given(texts.contexts, each_rules)
def test_there_and_back_gives_the_same_value(text: bytes, rules: StorageRules) -> None:
    """However a context is spelled, it comes back equal, and every value in it verbatim."""
    files = Files()
    returned = back(there(text, rules, files), files)
    assert canonical(returned) == canonical(text)
    assert split_object(returned) == split_object(text)


@settings(max_examples=500)
@given(texts.contexts, each_rules)
def test_twice_is_the_same_as_once(text: bytes, rules: StorageRules) -> None:
    """What was converted is seen to be descriptors without any doubt, so nothing converts it again."""
    once = detect(there(text, rules, Files()), anywhere)
    assert once.form is (Form.DESCRIPTORS if once.entries else Form.EMPTY)
    assert all(entry.fit is Fit.EXACT and entry.reason is None for entry in once.entries)


@given(texts.contexts, each_rules)
def test_sizes_are_true_and_files_are_not_shared(text: bytes, rules: StorageRules) -> None:
    """A descriptor says the bytes of its content, or the estimate of its value; each has a file of its own."""
    files = Files()
    members = split_object(text)
    entries = detect(there(text, rules, files), anywhere).entries
    locators = [entry.descriptor.locator for entry in entries if entry.descriptor and entry.descriptor.locator]
    assert sorted(locators) == sorted(files.contents)
    for member, entry in zip(members, entries, strict=True):
        descriptor = entry.descriptor
        assert descriptor is not None
        in_memory = descriptor.type is DescriptorType.MEMORY
        assert descriptor.size == (estimated_size(member.value) if in_memory else len(member.value))
        assert not in_memory or descriptor.size <= rules.memory_threshold


@given(texts.contexts, each_rules)
def test_large_values_are_handed_out_verbatim(text: bytes, rules: StorageRules) -> None:
    """What goes to a file is the value's own JSON text, under its key."""
    members = split_object(text)
    for value in wrap(members, rules).large:
        assert (value.key, value.content) == (members[value.position].name, members[value.position].value)
