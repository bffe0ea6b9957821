"""What the pass over runs and files tells, as metrics."""

from collections import Counter
from collections.abc import Iterator

from zenctx.context.classes import RunClass
from zenctx.context.forms import Form
from zenctx.operations.figures.model import Figures
from zenctx.operations.measuring import catalogue
from zenctx.operations.measuring.model import Metric, Sample


def run_samples(figures: Figures) -> Iterator[Sample]:
    """Gives the metrics of the rows; of a class or form that no run has, too, so that a count can be seen to rise."""
    # A run whose row is gone is none that could be counted.
    classes = [each.value for each in RunClass if each is not RunClass.DELETED]
    forms = [each.value for each in Form]
    yield from _by(catalogue.RUNS, "class", figures.runs_by("run_class"), classes)
    yield from _by(catalogue.CONTEXTS, "form", figures.runs_by("form"), forms)
    lengths: Counter[str | None] = Counter()
    files: Counter[str | None] = Counter()
    sizes: Counter[str | None] = Counter()
    for each in figures.runs:
        lengths[each.form] += each.context_bytes
        files[each.run_class] += each.files
        sizes[each.run_class] += each.file_bytes
    yield from _by(catalogue.CONTEXT_BYTES, "form", lengths, forms)
    yield from _by(catalogue.REFERENCED_FILES, "class", files, classes)
    yield from _by(catalogue.REFERENCED_FILE_BYTES, "class", sizes, classes)
    yield catalogue.SECRET_RUNS.sample(figures.secret_runs)
    if figures.quarantined is not None:
        yield catalogue.QUARANTINED.sample(figures.quarantined)


def _by(metric: Metric, label: str, counts: dict[str | None, int], names: list[str]) -> Iterator[Sample]:
    for name in dict.fromkeys([*names, *(name for name in counts if name is not None)]):
        yield metric.sample(counts.get(name, 0), **{label: name})


def file_samples(figures: Figures) -> Iterator[Sample]:
    """Gives the metrics of the directory of files; none where nothing can be said of it."""
    files, dangling, trash = figures.files, figures.dangling, figures.trash
    if files is not None:
        yield catalogue.FILES.sample(files.files)
        yield catalogue.FILE_BYTES.sample(files.bytes)
        yield catalogue.ORPHANS.sample(files.orphans)
        yield catalogue.ORPHAN_BYTES.sample(files.orphan_bytes)
        if files.oldest_orphan is not None:
            yield catalogue.OLDEST_ORPHAN.sample(round(files.oldest_orphan, 3))
        yield catalogue.TEMPORARIES.sample(files.temporaries)
        yield catalogue.UNSEEN.sample(files.unseen)
    if dangling is not None:
        yield catalogue.DANGLING.sample(dangling.parked, runs="parked")
        yield catalogue.DANGLING.sample(dangling.all_ - dangling.parked, runs="other")
    if trash is not None:
        yield catalogue.TRASH_FILES.sample(trash.files)
        yield catalogue.TRASH_BYTES.sample(trash.bytes)
