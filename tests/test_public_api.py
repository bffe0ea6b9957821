"""The library's public names: complete, the same for programs and type checkers, and free until they are used."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import zenctx

STUB = Path(zenctx.__file__).with_suffix(".pyi")


@pytest.mark.parametrize("name", zenctx.__all__)
def test_every_public_name_is_there(name: str) -> None:
    """And is the one of the module that it comes from."""
    value = getattr(zenctx, name)
    if name != "__version__":
        assert value is getattr(importlib.import_module(value.__module__), name)
        assert value.__doc__


def test_type_checkers_see_the_same_names() -> None:
    """The stub imports each name from the module from which a program gets it, and lists it."""
    nodes = ast.parse(STUB.read_text()).body
    stubbed = {alias.name: node.module for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names}
    (listed,) = (node.value for node in nodes if isinstance(node, ast.Assign))
    assert stubbed == vars(zenctx)["_HOMES"]
    assert sorted(ast.literal_eval(listed)) == sorted(zenctx.__all__) == sorted([*stubbed, "__version__"])


def test_an_unknown_name_is_an_ordinary_error() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match="module 'zenctx' has no attribute 'nothing'"):
        zenctx.nothing  # type: ignore[attr-defined]  # noqa: B018
    assert set(zenctx.__all__) <= set(dir(zenctx))


def _imported_by(program: str) -> set[str]:
    code = f"import sys; before = set(sys.modules); {program}; print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_package_imports_nothing_else() -> None:
    """Which is what keeps `zenctx --version` quick."""
    assert _imported_by("import zenctx") == {"zenctx"}


def test_a_light_name_does_not_import_a_heavy_one() -> None:
    """Each name costs what it needs itself."""
    assert "msgspec" not in _imported_by("from zenctx import StorageRules, ZenctxError")
    assert "sqlalchemy" not in _imported_by("from zenctx import RuntimeContext, RefValueFactory, LocalTemporaryFiles")


def test_the_library_works_as_a_program_uses_it(tmp_path: Path) -> None:
    """By its public names alone."""
    factory = zenctx.RefValueFactory(zenctx.StorageRules(memory_threshold=8), zenctx.LocalTemporaryFiles(tmp_path))
    value = factory.create("a longer text", zenctx.StoragePreference.MEMORY)
    assert (value.kind, value.read()) == (zenctx.DescriptorType.FILE, "a longer text")
    value.release()
    with pytest.raises(zenctx.ReleasedError):
        value.read()
