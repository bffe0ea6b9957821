"""Tests of `zenctx export` and `zenctx import`."""

import stat
import sys
from pathlib import Path

import pytest

from tests.cli.console import RUN, Console, descriptor, zenctx
from tests.operations.taking import file_descriptor
from tests.support.rows import compact

LARGE = b'"%b"' % (b"x" * 700_000)

EXPORTED = {
    *("snapshot_id", "source_id", "path", "runs", "files", "missing", "objects", "bytes", "archive_bytes"),
    *("redacted", "encrypted"),
}
IMPORTED = {
    *("snapshot_id", "created_at", "repository", "tags", "runs", "files", "missing", "objects", "bytes"),
    *("new_objects", "new_bytes", "is_new", "redacted", "recorded"),
}


@pytest.fixture
def taken(sqlite_console: Console) -> Console:
    """A snapshot of a run with a file."""
    folder = sqlite_console.folder / "data/context-files/persistent/files"
    folder.mkdir(parents=True)
    (folder / "large").write_bytes(LARGE)
    file = file_descriptor(LARGE, "./data/context-files/persistent/files/large")
    password = descriptor(inlineValue="hunter2-hunter2")
    sqlite_console.rows.add(compact({"a": file, "password": password}), run_id=RUN)
    sqlite_console.lines("snapshot", "--all", "--tag", "nightly")
    return sqlite_console


def elsewhere(console: Console) -> list[str]:
    """Give the option that names another repository."""
    return ["--snapshots", str(console.folder / "elsewhere")]


def test_an_archive_goes_out_and_comes_back(taken: Console) -> None:
    """The file is private; it says what it has, and that it holds secrets."""
    first, second = taken.lines("export", "latest", "one.zxa")
    assert first.startswith("Wrote snapshot ")
    assert first.endswith(": 1 run, 1 objects.")
    assert second.startswith("It holds secrets as they are")
    assert stat.S_IMODE(Path("one.zxa").stat().st_mode) == 0o600
    message, step = taken.lines("import", "one.zxa", *elsewhere(taken))
    assert message.startswith("Took in snapshot ")
    assert step.endswith("shows what it would put back.")
    assert taken.document("verify", "--snapshot", "latest", *elsewhere(taken))["items"] == []
    assert taken.lines("import", "one.zxa", *elsewhere(taken))[0].startswith("The repository has snapshot ")


def test_json_has_every_field(taken: Console) -> None:
    """The same ids on both sides; a dry run has the same shape."""
    out = taken.document("export", "latest", "one.zxa")
    assert set(out["summary"]) == EXPORTED
    assert (out["items"], out["summary"]["encrypted"], out["summary"]["redacted"]) == ([], None, False)
    dry = taken.document("import", "one.zxa", "--dry-run", *elsewhere(taken))
    assert not Path("elsewhere").exists()
    done = taken.document("import", "one.zxa", *elsewhere(taken))
    assert set(dry["summary"]) == set(done["summary"]) == IMPORTED
    assert (dry["dry_run"], done["dry_run"]) == (True, False)
    assert done["summary"]["snapshot_id"] == out["summary"]["source_id"]
    assert (done["summary"]["is_new"], done["summary"]["tags"]) == (True, ["nightly"])


def test_standard_output_has_the_archive_and_nothing_else(taken: Console) -> None:
    """So that it can go to another program; and from one."""
    result = taken.run("export", "latest", "-")
    assert (result.exit_code, result.stderr) == (0, "")
    Path("two.zxa").write_bytes(result.stdout_bytes)
    done = zenctx("import", "two.zxa", "--db", taken.url, *elsewhere(taken))
    assert done.exit_code == 0
    assert taken.run("export", "latest", "-", "--json").exit_code == 2


def test_a_file_that_is_there_is_replaced_with_force_alone(taken: Console) -> None:
    """And where the export fails it stays as it was, without a temporary beside it."""
    Path("one.zxa").write_text("kept")
    assert taken.run("export", "latest", "one.zxa").exit_code == 5
    assert taken.run("export", "latest~3", "one.zxa", "--force").exit_code == 10
    assert Path("one.zxa").read_text() == "kept"
    before = sorted(Path.cwd().iterdir())
    taken.lines("export", "latest", "one.zxa", "--force")
    assert taken.run("import", "one.zxa", "--dry-run").exit_code == 0
    assert sorted(Path.cwd().iterdir()) == before


def test_a_redacted_archive_has_no_secret(taken: Console) -> None:
    """It says so on both sides, and its snapshot is not restored by mistake."""
    (message,) = taken.lines("export", "latest", "one.zxa", "--redact", "--run", RUN)
    assert message.endswith("secrets replaced.")
    taken.lines("import", "one.zxa", *elsewhere(taken))
    (item,) = taken.document("snapshots", *elsewhere(taken))["items"]
    assert item["tags"] == ["nightly", "redacted"]
    result = taken.run("restore", item["snapshot_id"], *elsewhere(taken))
    assert result.exit_code == 5
    assert "is redacted" in result.stderr
    values = taken.run("restore", item["snapshot_id"], "--run", RUN, "--to", "-", "--show-secrets", *elsewhere(taken))
    assert '"***"' in values.stdout
    assert "hunter2" not in values.stdout


def test_what_is_damaged_is_refused(taken: Console) -> None:
    """Nothing of it stays."""
    taken.lines("export", "latest", "one.zxa")
    content = Path("one.zxa").read_bytes()
    Path("one.zxa").write_bytes(content[:-1])
    before = sorted(path for path in taken.folder.rglob("*"))
    result = taken.run("import", "one.zxa", *elsewhere(taken))
    assert result.exit_code == 4
    assert "The archive is damaged: it is cut off." in result.stderr.replace("\n", " ")
    assert sorted(path for path in taken.folder.rglob("*")) == before


def test_encryption_for_a_key(taken: Console) -> None:
    """Only who has the secret key gets it back."""
    pyrage = pytest.importorskip("pyrage")
    identity = pyrage.x25519.Identity.generate()
    Path("key").write_text(f"{identity}\n")
    (message,) = taken.lines("export", "latest", "one.zxa", "--recipient", str(identity.to_public()))
    assert message.startswith("Wrote snapshot ")
    assert taken.run("import", "one.zxa", *elsewhere(taken)).exit_code == 5
    assert taken.run("import", "one.zxa", "--identity", "key", *elsewhere(taken)).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["export", "latest", "x", "--recipient", "a", "--passphrase-file", "b"], 2, "two ways of encrypting"),
        (["import", "x", "--identity", "a", "--passphrase-file", "b"], 2, "two ways of decrypting"),
        (["import", "x"], 10, "There is no file x."),
        (["import", "."], 12, "cannot be read"),
        (["export", "latest", "x"], 10, "no repository"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    sqlite_console: Console, arguments: list[str], code: int, sentence: str
) -> None:
    """Before anything is read or made."""
    before = sorted(sqlite_console.folder.rglob("*"))
    result = sqlite_console.run(*arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert sentence in result.stderr.replace("\n", " ")
    assert sorted(sqlite_console.folder.rglob("*")) == before


def test_without_the_extra_it_says_what_to_install(taken: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings and packages are code 12."""
    monkeypatch.setitem(sys.modules, "pyrage", None)
    result = taken.run("export", "latest", "one.zxa", "--recipient", "age1")
    assert result.exit_code == 12
    assert "zenctx[crypto]" in result.stderr
    assert not Path("one.zxa").exists()
