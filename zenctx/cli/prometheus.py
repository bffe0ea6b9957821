"""Prometheus' text format: metrics as text, and such text read back."""

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from zenctx.cli.terminal import neutralise
from zenctx.operations.measuring.model import Labels, Sample, labels_of

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\.)*"'
_SAMPLE = re.compile(rf"({_NAME})(?:\{{((?:{_LABEL},?)*)\}})? +(\S+)")
_LABELS = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\.)*)"')
_COMMENT = re.compile(rf"# (HELP|TYPE) ({_NAME})(?: (.*))?")
_ESCAPED = re.compile(r"\\(.)")


@dataclass(slots=True)
class Family:
    """A metric with all its samples: their values, as they are spelled, by labels in the order of their names."""

    name: str
    kind: str = "untyped"
    help: str = ""
    samples: dict[Labels, str] = field(default_factory=dict)


def families_of(samples: Iterable[Sample]) -> dict[str, Family]:
    """Gives the families of samples, by name. Of two samples with the same labels the later one counts."""
    families: dict[str, Family] = {}
    for sample in samples:
        metric = sample.metric
        family = families.setdefault(metric.name, Family(metric.name, metric.kind, metric.help))
        family.samples[sample.labels] = _number(sample.value)
    return families


def render(families: Iterable[Family]) -> str:
    """Gives the text of families, by name; those without samples are left out."""
    return "".join(_lines(sorted((each for each in families if each.samples), key=lambda family: family.name)))


def _lines(families: Iterable[Family]) -> Iterator[str]:
    for family in families:
        yield f"# HELP {family.name} {_escape(family.help)}\n"
        yield f"# TYPE {family.name} {family.kind}\n"
        for labels, value in sorted(family.samples.items()):
            named = ",".join(f'{name}="{_escape_value(text)}"' for name, text in labels)
            yield f"{family.name}{{{named}}} {value}\n" if named else f"{family.name} {value}\n"


def parse(text: str) -> dict[str, Family]:
    """Reads what `render` wrote, by name; other comments are dropped. Raises ValueError for a line that is neither."""
    families: dict[str, Family] = {}
    for line in text.split("\n"):
        if not line.strip():
            continue
        if line.startswith("#"):
            _read_comment(families, line)
        else:
            _read_sample(families, line)
    return families


def _read_comment(families: dict[str, Family], line: str) -> None:
    if match := _COMMENT.fullmatch(line):
        what, name, text = match[1], match[2], match[3] or ""
        family = families.setdefault(name, Family(name))
        if what == "HELP":
            family.help = _unescape(text)
        else:
            family.kind = text or family.kind


def _read_sample(families: dict[str, Family], line: str) -> None:
    match = _SAMPLE.fullmatch(line.rstrip())
    if match is None:
        raise ValueError(f"no sample of a metric: {line!r}")
    labels = {name: _unescape(value) for name, value in _LABELS.findall(match[2] or "")}
    float(match[3])  # refuses what is no number
    families.setdefault(match[1], Family(match[1])).samples[labels_of(labels)] = match[3]


def _number(value: float) -> str:
    """Spells a number: whole ones as they are, others so that they are read back to the same."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if isinstance(value, bool) else repr(value)


def _escape(text: str) -> str:
    return neutralise(text).replace("\\", "\\\\").replace("\n", "\\n")


def _escape_value(text: str) -> str:
    return _escape(text).replace('"', '\\"')


def _unescape(text: str) -> str:
    return _ESCAPED.sub(lambda match: "\n" if match[1] == "n" else match[1], text)
