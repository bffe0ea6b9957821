"""Locators lead to files below the configured directories, and nowhere else."""

import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.store.conftest import RUN
from zenctx.errors import DamagedFileError, LocatorRefusedError, SettingsError, StoreError
from zenctx.store.locators import Located, Locators
from zenctx.store.names import file_name, run_directory

ENGINE = Path("/srv/zenflow")
STORAGE = ("./data/context-files", ENGINE / "data/context-files")
PERSISTENT = ("./data/context-files/persistent", ENGINE / "data/context-files/persistent")
NAME = f"{RUN}/report.json"


def locators(
    persistent: tuple[str, Path] = PERSISTENT,
    storage: tuple[str, Path] = STORAGE,
    engine_dir: Path = ENGINE,
    locator_root: str | None = None,
) -> Locators:
    """Locators of an engine in `/srv/zenflow` with the default directories, or with others."""
    return Locators(persistent, storage, engine_dir, locator_root)


def test_a_locator_is_the_path_as_configured() -> None:
    """The engine reads the text of the setting, relative or absolute, with the name behind it."""
    assert locators().locator_for(NAME) == f"./data/context-files/persistent/{NAME}"
    absolute = (str(PERSISTENT[1]) + "/", PERSISTENT[1])
    assert locators(absolute).locator_for(NAME) == f"/srv/zenflow/data/context-files/persistent/{NAME}"
    assert locators((".", ENGINE)).locator_for(NAME) == f"./{NAME}"


@pytest.mark.parametrize(
    "locator",
    [
        f"./data/context-files/persistent/{NAME}",
        f"data/context-files/persistent/{NAME}",
        f"././data//context-files/./persistent/{NAME}",
        f"data/context-files/x/../persistent/{NAME}",
        f"data/context-files/persistent/../persistent/{NAME}",
        f"../zenflow/data/context-files/persistent/{NAME}",
        f"/srv/zenflow/data/context-files/persistent/{NAME}",
        f"//srv/zenflow/data/context-files/persistent/{NAME}",
        f"/../srv/zenflow/data/context-files/persistent/{NAME}",
        f"data/context-files/persistent/{NAME}/",
    ],
)
def test_every_spelling_of_a_path_is_understood(locator: str) -> None:
    """Dots, doubled slashes and ways out and in again name the same file."""
    assert locators().resolve(locator) == Located("persistent", NAME, PERSISTENT[1] / NAME)
    assert locators().is_inside(locator)


def test_the_innermost_directory_is_reported() -> None:
    """The persistent directory lies in the one of temporary files, whose files are found too."""
    assert locators().resolve("data/context-files/zenflow-ctx-1.dat") == Located(
        "storage", "zenflow-ctx-1.dat", STORAGE[1] / "zenflow-ctx-1.dat"
    )
    same = locators(storage=PERSISTENT)
    assert same.resolve(f"data/context-files/persistent/{NAME}").root == "persistent"
    apart = locators(persistent=("/mnt/p", Path("/mnt/p")))
    assert apart.resolve("/mnt/p/x").root == "persistent"
    assert apart.resolve("data/context-files/persistent/x").root == "storage"


@pytest.mark.parametrize(
    "locator",
    [
        "",
        "/etc/passwd",
        "../../x",
        "../data/context-files/x",
        "data/context-files/persistent/../../../../etc/passwd",
        "data/context-files/../context-files-2/x",
        "data/context-files-2/x",
        "/srv/zenflow/data/context-filesx",
        "~/data",
        "~root/.ssh/id_rsa",
        "data/context-files/persistent/a\0b",
        "data/context-files/persistent/a\nb",
        "data/context-files/persistent/\x1b[31m",
        "data/context-files/persistent/a\u2028b",
        "data/context-files/persistent/a\ud800",
        "data/context-files/persistent/\udcff",
        "data/context-files/persistent/" + "x" * 256,
        "data/context-files/persistent/" + "é" * 128,
        "data/context-files/persistent/" + "x/" * 2100,
        "file:///srv/zenflow/data/context-files/persistent/x",
        "data",
        "data/context-files",
        "./data/context-files/persistent/",
        "data/context-files/persistent/.trash/1/x",
        "data/context-files/persistent/.zenctx-store.json",
        "data/context-files/persistent/run/zenctx-tmp-1",
        "data/context-files/persistent/run/.hidden",
        "data/context-files/persistent/zenctx-lock",
        "data/context-files/persistent/ZENCTX-LOCK",
        "data/context-files/persistent/.TRASH/x",
        ".",
        "..",
        "/",
        " ",
    ],
    ids=lambda text: ascii(text[:60]),
)
def test_what_is_no_place_of_a_value_is_refused(locator: str) -> None:
    """Ways out, impossible paths, directories and zenctx's own files are named as refused, on one line."""
    with pytest.raises(LocatorRefusedError) as caught:
        locators().resolve(locator)
    assert caught.value.exit_code == 5
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 1500
    assert not locators().is_inside(locator)
    with pytest.raises(LocatorRefusedError):
        locators().open(locator)


PIECES = st.sampled_from(
    ["..", ".", "", "data", "context-files", "persistent", "srv", "zenflow", "x", "~", ".trash", "zenctx-lock", "\n"]
)


@given(st.lists(PIECES | st.text(max_size=5), max_size=12).map("/".join) | st.text())
def test_a_resolved_locator_lies_below_its_directory(locator: str) -> None:
    """Whatever resolves agrees with what the system makes of that path, and lies inside; all else is refused."""
    own = locators()
    try:
        located = own.resolve(locator)
    except LocatorRefusedError:
        return
    root = {"persistent": PERSISTENT, "storage": STORAGE}[located.root][1]
    assert os.path.normpath(located.path) == os.path.normpath(ENGINE / locator).replace("//", "/")
    assert located.path == root / located.name
    assert located.path != root
    assert not re.search(r"(^|/)(\.|zenctx-)", located.name)


@given(key=st.text(), run_id=st.text(), root=st.sampled_from([None, "/app/data/persistent", "./p", "persistent", "/"]))
def test_what_is_written_is_found_again(key: str, run_id: str, root: str | None) -> None:
    """The locator of any stored name resolves to that name, under every way of naming the directory."""
    name = f"{run_directory(run_id)}/{file_name(key, '.json')}"
    own = locators(locator_root=root)
    locator = own.locator_for(name)
    assert locator.startswith((root or PERSISTENT[0]).rstrip("/") + "/")
    assert own.resolve(locator) == Located("persistent", name, PERSISTENT[1] / name)


def test_a_mapped_directory_works_both_ways() -> None:
    """The engine in a container names another path; its temporary files are found where both paths end alike."""
    own = locators(locator_root="/app/data/context-files/persistent")
    assert own.locator_for(NAME) == f"/app/data/context-files/persistent/{NAME}"
    assert own.resolve(f"/app/./data/context-files/persistent/{NAME}").path == PERSISTENT[1] / NAME
    assert own.resolve("/app/data/context-files/zenflow-ctx-1.dat").path == STORAGE[1] / "zenflow-ctx-1.dat"
    assert own.resolve(f"data/context-files/persistent/{NAME}").path == PERSISTENT[1] / NAME
    for outside in ("/app/data/context-files/persistent/../../../x", "/app/x", "/app/data/context-files"):
        assert not own.is_inside(outside)
    renamed = locators(locator_root="/app/values")
    assert renamed.resolve(f"/app/values/{NAME}").root == "persistent"
    assert not renamed.is_inside("/app/zenflow-ctx-1.dat")


@pytest.mark.parametrize(
    ("persistent", "engine_dir", "locator_root"),
    [
        (PERSISTENT, Path("/somewhere/else"), None),
        (("../persistent", PERSISTENT[1]), ENGINE, None),
        (("/other", PERSISTENT[1]), ENGINE, None),
        (("~/persistent", PERSISTENT[1]), ENGINE, None),
        (("./données", ENGINE / "données"), ENGINE, None),
        (PERSISTENT, ENGINE, "/données"),
        (PERSISTENT, ENGINE, "/a\nb"),
        (("./.hidden", STORAGE[1] / ".hidden"), ENGINE, None),
    ],
)
def test_a_locator_that_would_not_lead_back_is_never_written(
    persistent: tuple[str, Path], engine_dir: Path, locator_root: str | None
) -> None:
    """Settings under which the engine would look elsewhere are refused before a value depends on them."""
    own = locators(persistent, engine_dir=engine_dir, locator_root=locator_root)
    with pytest.raises(SettingsError) as caught:
        own.locator_for(NAME)
    assert caught.value.hint


@pytest.mark.parametrize("name", ["", "../x", "/x", ".hidden", "zenctx-tmp-1", "a//b", "a/./b"])
def test_a_name_that_no_value_has_gets_no_locator(name: str) -> None:
    """A locator is given for names of the store only."""
    with pytest.raises(SettingsError):
        locators().locator_for(name)


@pytest.fixture
def engine(tmp_path: Path) -> Path:
    """The engine's working directory, with the two directories in it and a file in each."""
    files = tmp_path / "engine" / "data" / "context-files"
    (files / "persistent" / RUN).mkdir(parents=True)
    (files / "persistent" / RUN / "value").write_bytes(b"persistent")
    (files / "zenflow-ctx-1.dat").write_bytes(b"temporary")
    (tmp_path / "secret").write_bytes(b"secret")
    return tmp_path / "engine"


def below(engine: Path) -> Locators:
    """Locators of the engine that works in `engine`."""
    files = engine / "data" / "context-files"
    return Locators(("./data/context-files/persistent", files / "persistent"), ("x", files), engine, None)


def test_a_locator_is_opened_below_its_directory(engine: Path) -> None:
    """Persistent and temporary files are read; a missing one is damage, a missing directory a fault of the setup."""
    own = below(engine)
    for locator, content in (
        (f"data/context-files/persistent/{RUN}/value", b"persistent"),
        ("data/context-files/zenflow-ctx-1.dat", b"temporary"),
    ):
        with own.open(locator) as file:
            assert file.read() == content
    with pytest.raises(DamagedFileError, match="missing"):
        own.open("data/context-files/persistent/gone")
    (engine / "data").rename(engine / "unmounted")
    with pytest.raises(StoreError, match="does not exist"):
        own.open("data/context-files/persistent/gone")


@pytest.mark.parametrize("place", [f"{RUN}/value", RUN])
def test_a_link_out_of_the_directory_is_refused(engine: Path, place: str) -> None:
    """A link in place of the file or its directory is named, and what it leads to is not opened."""
    link = engine / "data" / "context-files" / "persistent" / place
    link.rename(engine / "moved")
    link.symlink_to("/" if place == RUN else engine.parent / "secret")
    with pytest.raises(LocatorRefusedError, match="symbolic link"):
        below(engine).open(f"data/context-files/persistent/{RUN}/value")
    assert below(engine).is_inside(f"data/context-files/persistent/{RUN}/value")
