"""Fixtures that every test may ask for: databases as SQLAlchemy URLs, empty at the start of each test."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.support.postgres import Database, Server, all_postgres_bins, running_server, share_models, temporary_database
from tests.support.quick import keep_nothing, pass_for_disk, work_quickly
from tests.support.warm import share_warm_python

# No deadline: how long one example takes says more about the machine than about the code.
hypothesis.settings.register_profile("zenctx", deadline=None)
hypothesis.settings.load_profile("zenctx")

NEWEST, OLDEST = "newest", "oldest"

# As many new objects as a test makes; Python's own 700 are for programs that are small.
GC_THRESHOLD = 10_000


def pytest_configure(config: pytest.Config) -> None:
    """Let the many processes of `make test` write to memory; not soak tests, which write gigabytes."""
    gc.set_threshold(GC_THRESHOLD)
    pass_for_disk()
    if config.getoption("numprocesses", None) and "not soak" in config.getoption("markexpr"):
        work_quickly()
        share_models()
        share_warm_python()


def pytest_collection_finish() -> None:
    """Spare the garbage collector from looking at thousands of tests again and again."""
    gc.freeze()


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Free the memory, but for what shows why a test has failed."""
    if exitstatus == pytest.ExitCode.OK and not hasattr(session.config, "workerinput"):
        keep_nothing()


def _bin_of(which: str) -> Path:
    """Give the newest or oldest PostgreSQL; without one, the test is skipped here and fails where CI is set."""
    bins = list(all_postgres_bins().values())
    if bins and which == NEWEST:
        return bins[0]
    if len(bins) > 1:
        return bins[-1]
    reason = f"no {which} PostgreSQL among {[str(path) for path in bins]}: install the requirements, or a server"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """A server of the newest PostgreSQL, for all tests of this process: do not stop it, run one of your own."""
    with running_server(_bin_of(NEWEST)) as server:
        yield server


@pytest.fixture(scope="session")
def newest_postgres(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database on the server of ZENCTX_TEST_DATABASE_URL, else on the newest PostgreSQL found."""
    given = os.environ.get("ZENCTX_TEST_DATABASE_URL")
    with temporary_database(given or request.getfixturevalue("postgres_server").url()) as database:
        yield database


@pytest.fixture(scope="session")
def oldest_postgres() -> Iterator[Database]:
    """A database on the oldest PostgreSQL found."""
    with running_server(_bin_of(OLDEST)) as server, temporary_database(server.url()) as database:
        yield database


@pytest.fixture
def postgres_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty PostgreSQL database; with "oldest" as an indirect parameter, of the oldest version."""
    database: Database = request.getfixturevalue(f"{getattr(request, 'param', NEWEST)}_postgres")
    database.clear()
    return database.url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a SQLite database whose file does not exist yet."""
    return f"sqlite:///{tmp_path / 'zenctx.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database, on SQLite and then on PostgreSQL."""
    fixture = {"sqlite": "sqlite_url", "postgresql": "postgres_url"}[request.param]
    return str(request.getfixturevalue(fixture))
