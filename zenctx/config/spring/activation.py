"""Which documents of the application's files count, and in which order."""

from collections.abc import Mapping, Sequence
from os.path import lexists, realpath
from pathlib import Path

from zenctx.config.spring.files import documents, profile_files, read_file
from zenctx.config.spring.json_text import read_json
from zenctx.config.spring.model import Document
from zenctx.config.spring.profiles import ExpressionError, expand, matches
from zenctx.config.spring.sources import Environment, InDocument, Layer, Sources
from zenctx.errors import SettingsError

_JSON = "SPRING_APPLICATION_JSON"
_ON_PROFILE = "spring.config.activate.on-profile"
_ON_PLATFORM = "spring.config.activate.oncloudplatform"
_PROFILES = ("spring.profiles.active", "spring.profiles.default", "spring.profiles.include")


def read_all(
    files: Sequence[Path], environ: Mapping[str, str], engine_dir: Path | None
) -> tuple[Sources, list[Document]]:
    """Reads the files and those of the active profiles.

    Gives what finds a key in all that counts, and every document that was read. Raises SettingsError.
    """
    outside = _outside(environ)
    base = [document for file in files for document in read_file(file)]
    for document in base:
        _prepare(document)
    always = [document for document in base if not _is_conditional(document)]
    sources = _sources(outside, always)
    active = _active_profiles(sources)
    of_profiles = [
        document
        for file in files
        for profile in active
        for found in profile_files(file, profile)
        for document in read_file(found)
    ]
    for document in of_profiles:
        _prepare(document)
    counting = [document for document in (*base, *of_profiles) if _counts(document, active, sources)]
    for document in counting:
        if _is_conditional(document) or document in of_profiles:
            _refuse_profiles(document)
        _refuse_imports(document, sources, files, engine_dir)
    return _sources(outside, counting), [*base, *of_profiles]


def _outside(environ: Mapping[str, str]) -> list[Layer]:
    """Gives the places that win over every file."""
    text = environ.get(_JSON, "")
    in_json = documents(read_json(text, _JSON), _JSON, None)
    return [*map(InDocument, in_json), Environment(environ)]


def _sources(outside: Sequence[Layer], counting: Sequence[Document]) -> Sources:
    return Sources([*outside, *map(InDocument, reversed(counting))])


def _prepare(document: Document) -> None:
    for key in ("spring.profiles", "spring.profiles[0]"):
        entry = document.entries.get(key)
        if entry is not None and entry.text:
            raise SettingsError(
                f"{document.label(entry)} has had no meaning since Spring Boot 2.4",
                hint=f"write {_ON_PROFILE} where a document is for a profile",
            )
    document.profile = ", ".join(_conditions(document)) or None
    platform = document.entries.get(_ON_PLATFORM)
    if platform is not None and platform.text:
        document.barrier = f"on the cloud platform {platform.text}"


def _conditions(document: Document) -> list[str]:
    """Gives the profile expressions as they are written; for a document of every profile none."""
    key = _ON_PROFILE.replace("-", "")
    return [
        entry.written
        for name, entry in document.entries.items()
        if name.partition("[")[0] == key and entry.written.strip()
    ]


def _is_conditional(document: Document) -> bool:
    return document.profile is not None


def _counts(document: Document, active: Sequence[str], sources: Sources) -> bool:
    if not _is_conditional(document):
        return True
    barrier, document.barrier = document.barrier, None
    expressions = sources.items_of(InDocument(document), _ON_PROFILE) or []
    document.barrier = barrier
    try:
        # Every expression is looked at, so that a malformed one is found whatever the others say.
        return True in [matches(expression, active) for expression in expressions]
    except ExpressionError:
        raise SettingsError(
            f"'{_ON_PROFILE}' in {document.place} is not a profile expression",
            hint="names, !, & and |; parentheses where & and | meet",
        ) from None


def _active_profiles(sources: Sources) -> list[str]:
    """Gives the active profiles; a later one wins over an earlier one. Included ones come first."""
    chosen = [*sources.all_items("spring.profiles.include"), *sources.items("spring.profiles.active")]
    names = chosen or sources.items("spring.profiles.default") or ["default"]
    return expand(names, lambda profile: sources.items(f"spring.profiles.group.{profile}"))


def _refuse_profiles(document: Document) -> None:
    for name, entry in document.entries.items():
        if name.partition("[")[0] in _PROFILES:
            raise SettingsError(
                f"{document.label(entry)} stands in a document for a profile, where the application takes none",
                hint="it belongs into the part of the file that is for every profile",
            )


def _refuse_imports(document: Document, sources: Sources, files: Sequence[Path], engine_dir: Path | None) -> None:
    """What a file imports wins over it, so nobody may take it for the whole truth."""
    folders = [folder for folder in (engine_dir, document.folder) if folder is not None]
    given = {realpath(file) for file in files}
    for location in sources.items_of(InDocument(document), "spring.config.import") or []:
        name = location.removeprefix("optional:").removeprefix("file:").partition("[")[0]
        # A colon is left where something else than a file is imported.
        places = {realpath(folder / name) for folder in folders} if name.isprintable() and ":" not in name else set()
        is_missing = location.startswith("optional:") and not any(map(lexists, places))
        if not places or not (is_missing or places & given):
            raise SettingsError(
                f"'spring.config.import' in {document.place} imports other settings, which are not followed",
                hint="name an imported file by one more --spring behind this one, or set what counts by options",
            )
