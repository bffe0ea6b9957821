"""Tests of `zenctx cat`."""

import pytest

from tests.cli.console import ABSENT, RUN, Console, descriptor, document_of, missing_file
from tests.support.rows import compact


@pytest.mark.parametrize(("key", "content"), [("n", b"18446744073709551616"), ("s", b'"two"'), ("o", b'{"p":1.10}')])
def test_a_value_in_the_row_is_its_json_text(sqlite_console: Console, key: str, content: bytes) -> None:
    """Strings have their quotes, numbers their digits, and no newline is added."""
    sqlite_console.rows.add('{"n":18446744073709551616,"s":"two","o":{"p":1.10}}', run_id=RUN)
    assert sqlite_console.run("cat", RUN, key).stdout_bytes == content


def test_a_value_in_a_file_is_the_bytes_of_the_file(console: Console) -> None:
    """What a descriptor names comes as it is."""
    console.rows.add(compact({"large": "x" * 3_000_000}), run_id=RUN)
    before = console.run("cat", RUN, "large").stdout_bytes
    assert console.run("migrate").exit_code == 0
    assert console.run("cat", RUN, "large").stdout_bytes == console.files()[0].read_bytes() == before


def test_inline_bytes_are_decoded(console: Console) -> None:
    """Base64 in the row is no reason to write base64."""
    inline = descriptor(type_="FILE", mediaType="text/plain", size=5, inlineValue="aGVsbG8=")
    console.rows.add(compact({"f": inline}), run_id=RUN)
    assert console.run("cat", RUN, "f").stdout_bytes == b"hello"


@pytest.mark.parametrize("key", ["__zenflow_secrets", "password", "copied"])
def test_a_secret_is_refused(console: Console, key: str) -> None:
    """Under a reserved key, a name like a secret's, or where it reappears; --show-secrets writes it out."""
    context = {"__zenflow_secrets": {"k": "correct-horse"}, "password": "battery-staple", "copied": "a correct-horse b"}
    console.rows.add(compact(context), run_id=RUN)
    result = console.run("cat", RUN, key)
    assert (result.exit_code, result.stdout_bytes) == (5, b"")
    assert "Hint: --show-secrets writes it out all the same.\n" in result.stderr
    assert console.run("cat", RUN, key, "--show-secrets").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([ABSENT, "a"], 10, f"has no run {ABSENT}."),
        ([RUN, "b"], 10, f"Run {RUN} has no key 'b'."),
        ([RUN], 2, "Missing argument 'KEY'."),
        ([RUN, "gone"], 4, "gone.json is missing."),
        ([RUN, "outside"], 5, "The locator '/etc/hostname' leads out of the configured directories."),
        ([RUN, "a", "--format", "jsonl"], 2, "'zenctx cat' writes the bytes as they are, not as jsonl."),
    ],
)
def test_what_cannot_be_had_is_said(console: Console, arguments: list[str], code: int, words: str) -> None:
    """Nothing is written before the value is known to be there."""
    outside = descriptor(type_="FILE", locator="/etc/hostname", size=5, inlineValue=None)
    context = {"a": descriptor(), "gone": missing_file(), "outside": outside}
    console.rows.add(compact(context), run_id=RUN)
    (console.folder / f"data/context-files/persistent/{RUN}").mkdir(parents=True)
    result = console.run("cat", *arguments)
    assert result.exit_code == code
    assert words in result.stderr


def test_a_document_is_refused_in_a_document(console: Console) -> None:
    """Bytes are no JSON document; the one that says so names the command that writes one."""
    console.rows.add('{"a":1}', run_id=RUN)
    result = console.run("cat", RUN, "a", "--json")
    assert result.exit_code == 2
    assert document_of(result)["error"] == {
        "kind": "usage",
        "message": "'zenctx cat' writes the bytes as they are, not as json.",
        "hint": "'zenctx inspect RUN KEY --json' puts the value into a document.",
    }


def test_an_altered_file_is_not_taken_for_the_value(console: Console) -> None:
    """A file of another size is refused before a byte is written."""
    console.rows.add(compact({"large": "x" * 700_000}), run_id=RUN)
    assert console.run("migrate").exit_code == 0
    file = console.files()[0]
    file.chmod(0o600)
    file.write_bytes(b"short")
    result = console.run("cat", RUN, "large")
    assert (result.exit_code, result.stdout_bytes) == (4, b"")
    assert "its descriptor says 700,002" in result.stderr or "its descriptor says 700002" in result.stderr
