"""Tests of `zenctx demo`."""

from pathlib import Path

import pytest

from tests.cli.console import document_of, zenctx


def test_a_playground_is_made_and_works(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last line says how to go on, and that works."""
    result = zenctx("demo")
    assert (result.exit_code, result.stderr) == (0, "")
    message, step = result.stdout.splitlines()
    assert message.startswith("Made a playground in zenctx-demo: 24 runs with legacy contexts, ")
    assert step == (
        "'cd zenctx-demo' and try 'zenctx runs', 'zenctx migrate --dry-run', 'zenctx migrate' and 'zenctx verify'."
    )
    monkeypatch.chdir(folder / "zenctx-demo")
    for words in (["runs"], ["migrate", "--dry-run"], ["migrate"], ["verify"]):
        assert zenctx(*words).exit_code == 0


def test_the_document_has_path_and_size(folder: Path) -> None:
    """The same shape as of every command."""
    document = document_of(zenctx("demo", "here", "--runs", "3", "--json"))
    assert (document["command"], document["items"]) == ("demo", [])
    assert set(document["summary"]) == {"path", "runs", "bytes"}
    assert document["summary"]["runs"] == 3
    assert sorted(path.name for path in (folder / "here").iterdir()) == ["zenctx.db", "zenctx.toml"]


@pytest.mark.usefixtures("folder")
def test_large_values_do_not_grow_with_the_number_of_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the first runs have any, so that a large playground stays small."""
    monkeypatch.setattr("zenctx.operations.demo._LARGE_BELOW", 8)
    sizes = [document_of(zenctx("demo", f"d{n}", "--runs", str(n), "--json"))["summary"]["bytes"] for n in (8, 80)]
    assert sizes[0] > 500_000
    assert sizes[1] - sizes[0] < 100_000


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["."], 5, "The directory . is not empty.\nHint: Name a new one, or remove it first.\n"),
        (["file"], 5, "There is a file named file.\nHint: Name a new directory.\n"),
        (["file/below"], 12, "The directory file/below cannot be made: Not a directory.\n"),
        (["new", "--db", "sqlite:///x.db"], 2, "'zenctx demo' makes a database and settings of its own.\n"),
        (["new", "--config", "x.toml"], 2, "Hint: Leave out --db and --config\n"),
        (["new", "--spring", "x.yml"], 2, "Hint: Leave out --db, --config and --spring\n"),
        (["new", "--runs", "0"], 2, "Invalid value for '--runs': it should be greater than or equal to 1.\n"),
    ],
)
def test_nothing_that_is_there_is_touched(folder: Path, arguments: list[str], code: int, sentence: str) -> None:
    """A directory with something in it, a file, a database: refused in one sentence."""
    (folder / "file").write_text("kept")
    result = zenctx("demo", *arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert sentence in result.stderr
    assert [path.name for path in folder.iterdir()] == ["file"]
    assert (folder / "file").read_text() == "kept"
