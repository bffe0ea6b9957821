"""The page of `stats`: the same lines as in the terminal, with charts; nothing on it is loaded from anywhere."""

import base64
import hashlib
from collections.abc import Sequence
from importlib.resources import files
from itertools import groupby

from zenctx import __version__
from zenctx.cli.columns import count, human_bytes, signed_bytes, utc
from zenctx.cli.html.charts import bar, line
from zenctx.cli.html.file import START
from zenctx.cli.html.markup import Markup, escaped, joined, tag
from zenctx.operations.statistics.report import TITLES, Section, StatItem, StatsReport, StatsSummary, Sums

_BY_RUNS = (Section.CLASS, Section.FORM)


def page(report: StatsReport) -> str:
    """Gives the whole page."""
    style = files("zenctx.cli.html").joinpath("style.css").read_text(encoding="utf-8")
    summary = report.summary
    title = f"Contexts of {summary.database}"
    body = [
        tag("header", tag("h1", title), tag("p", f"As of {utc(summary.taken_at)}")),
        tag("main", _tiles(summary), *_notes(summary), _growth_charts(report.history), *_sections(report.items)),
        tag("footer", tag("p", f"zenctx {__version__}. Sizes are in units of 1024; times are UTC.")),
    ]
    head = joined(
        [
            Markup('<meta charset="utf-8">'),
            Markup(f'<meta http-equiv="Content-Security-Policy" content="{_policy(style)}">'),
            Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
            Markup('<meta name="color-scheme" content="light dark">'),
            Markup('<meta name="robots" content="noindex">'),
            tag("title", title),
            Markup(f"<style>{style}</style>"),
        ]
    )
    return START + Markup(f'<html lang="en">{tag("head", head)}{tag("body", *body)}</html>\n')


def _policy(style: str) -> str:
    """Nothing may be loaded or run, whatever is on the page; its one style is known by its hash."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _tiles(summary: StatsSummary) -> Markup:
    tiles = [
        ("runs", count(summary.runs)),
        ("in contexts", human_bytes(summary.context_bytes)),
        ("in files", human_bytes(summary.file_bytes)),
        ("files without a run", count(summary.orphans)),
        ("files not there", count(summary.dangling)),
        ("held by dead keys", human_bytes(summary.dead_bytes)),
        ("in the trash", human_bytes(summary.trash_bytes)),
        ("finished runs with secrets", count(summary.secret_runs)),
    ]
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in tiles), class_="tiles")


def _notes(summary: StatsSummary) -> list[Markup]:
    notes = []
    if summary.store_problem:
        notes.append(f"Nothing is said of files: {summary.store_problem}.")
    if summary.unjudged_workflows:
        what = "workflow has" if summary.unjudged_workflows == 1 else "workflows have"
        notes.append(
            f"{summary.unjudged_workflows:,} {what} no definition that says which node reads what: none of their keys "
            "counts as dead."
        )
    return [tag("p", note, class_="note") for note in notes]


def _growth_charts(history: Sequence[Sums]) -> Markup:
    if len(history) < 2:
        return Markup("")
    charts = [
        _over_time([(each.at, each.context_bytes) for each in history], "database", "In the database"),
        _over_time([(each.at, each.file_bytes) for each in history], "files", "In files"),
    ]
    return tag("section", tag("h2", "Over time"), *charts)


def _over_time(points: Sequence[tuple[object, int]], kind: str, name: str) -> Markup:
    shown = line(points, kind, f"{name} over time")  # type: ignore[arg-type]
    first, last = points[0], points[-1]
    ends = tag("p", tag("span", utc(first[0])), tag("span", utc(last[0])), class_="ends")  # type: ignore[arg-type]
    values = f"{name}: {human_bytes(first[1])}, now {human_bytes(last[1])}"
    return tag("figure", tag("figcaption", values), shown, ends)


def _sections(items: Sequence[StatItem]) -> list[Markup]:
    return [_section(Section(section), list(lines)) for section, lines in groupby(items, key=lambda item: item.section)]


def _section(section: Section, lines: Sequence[StatItem]) -> Markup:
    most = max((_weight(section, item) for item in lines), default=0)
    # What a dead key holds may lie in either place.
    key = "" if section in (*_BY_RUNS, Section.GROWTH, Section.DEAD_KEY) else _key()
    rows = [_row(section, item, most) for item in lines]
    return tag("section", tag("h2", TITLES[section]), key, tag("ul", *rows, class_="lines"))


def _key() -> Markup:
    return tag(
        "p",
        tag("span", "in the database", class_="key database"),
        tag("span", "in files", class_="key files"),
        class_="keys",
    )


def _weight(section: Section, item: StatItem) -> int:
    return item.runs or 0 if section in _BY_RUNS else (item.bytes or 0) + (item.file_bytes or 0)


def _row(section: Section, item: StatItem, most: int) -> Markup:
    facts = _facts(item)
    content: list[object] = [tag("span", item.name, class_="name"), tag("span", facts, class_="facts")]
    if where := _where(item):
        content.append(tag("span", where, class_="where"))
    if section is not Section.GROWTH:
        content.append(bar(_parts(section, item, most), f"{item.name}: {facts}"))
    return tag("li", *content)


def _parts(section: Section, item: StatItem, most: int) -> list[tuple[float, str]]:
    if not most:
        return []
    if section in (*_BY_RUNS, Section.DEAD_KEY):
        return [(_weight(section, item) / most, "runs")]
    return [((item.bytes or 0) / most, "database"), ((item.file_bytes or 0) / most, "files")]


def _facts(item: StatItem) -> str:
    facts = [
        f"{item.runs:,} {'run' if item.runs == 1 else 'runs'}" if item.runs is not None else "",
        f"{item.entries:,} {'entry' if item.entries == 1 else 'entries'}" if item.entries is not None else "",
        signed_bytes(item.bytes) if item.bytes is not None else "",
        f"{signed_bytes(item.file_bytes)} in files" if item.file_bytes else "",
    ]
    return ", ".join(filter(None, facts))


def _where(item: StatItem) -> str:
    """The ids that a line is about, but for one that is its name."""
    ids = (("run", item.run_id), ("workflow", item.workflow_id))
    return ", ".join(f"{what} {each}" for what, each in ids if each is not None and each != item.name)


__all__ = ["escaped", "page"]
