"""A metric and its samples, with names and labels as Prometheus has them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from zenctx.context.datastruct import DataStruct

Labels = tuple[tuple[str, str], ...]
"""Names and values of labels, in the order of the names."""

GAUGE, COUNTER = "gauge", "counter"


class Metric(DataStruct, frozen=True):
    """What is measured: name, kind, one sentence, and the names of its labels, whose values are few and known.

    The name has its base unit, that of a counter ends with `_total`.
    """

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()

    def sample(self, value: float, **labels: str) -> "Sample":
        """Gives one value of it; all its labels must be given, and no others."""
        if tuple(labels) != self.labels:
            raise ValueError(f"{self.name} has the labels {self.labels}, not {tuple(labels)}")
        return Sample(self, value, labels_of(labels))


class Sample(DataStruct, frozen=True):
    """One value of a metric, for the labels given."""

    metric: Metric
    value: float
    labels: Labels = ()


DATABASE = "database"
"""The label that says of which database a sample is, where that is set."""


def of_database(samples: Iterable[Sample], database: str | None) -> tuple[Sample, ...]:
    """Gives the samples with the label that names their database; as they are without a name."""
    if database is None:
        return tuple(samples)
    return tuple(replace(each, labels=labels_of({**dict(each.labels), DATABASE: database})) for each in samples)


def labels_of(labels: Mapping[str, str]) -> Labels:
    """Gives labels in the order of their names."""
    return tuple(sorted(labels.items()))
