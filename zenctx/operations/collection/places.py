"""Where things lie that a clean-up looks at, and what their names say."""

from zenctx.store.names import run_directory

PERSISTENT, STORAGE_ROOT, SNAPSHOTS = "persistent", "storage", "snapshots"


def split_path(path: str) -> tuple[str, str]:
    """Gives the directory of the store in which a file lies (empty: the store itself), and its name from there."""
    directory, slash, name = path.partition("/")
    return (directory, name) if slash else ("", directory)


def joined_path(directory: str, name: str) -> str:
    """Gives the path of a file below the store; the reverse of `split_path`."""
    return f"{directory}/{name}" if directory else name


def is_run_directory(directory: str) -> bool:
    """Tells whether a directory has a name that the store gives to a run's."""
    return directory.startswith("run-") or run_of(directory) is not None


def run_of(directory: str) -> str | None:
    """Gives the run whose files lie in a directory, where its name says so."""
    return directory if run_directory(directory) == directory else None
