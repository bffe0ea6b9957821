"""examples/monitoring: alerts that fire when they should, and queries that find what zenctx really writes."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml  # type: ignore[import-untyped]
from prometheus_client.parser import text_string_to_metric_families
from promql_parser import AggregateExpr, BinaryExpr, Call, Expr, MatchOp, VectorSelector

from tests.cli.console import Console, zenctx
from tests.cli.eventful import Past
from tests.support.promtool import promtool
from zenctx.cli.app import COMMANDS
from zenctx.operations.measuring.catalogue import BUILD_INFO
from zenctx.operations.measuring.model import DATABASE

MONITORING = Path(__file__).parents[2] / "examples" / "monitoring"
GUIDE = (MONITORING.parents[1] / "docs" / "metrics.md").read_text()
RULE_FILES = (MONITORING / "alerts.yml", MONITORING / "alerts-after-cut-over.yml")
ALERTS: list[dict[str, Any]] = [
    rule for path in RULE_FILES for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]
]
NAMES = [rule["alert"] for rule in ALERTS]
DASHBOARD: dict[str, Any] = json.loads((MONITORING / "dashboard.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]
# Labels that Prometheus adds, and the one that a setting does.
OF_PROMETHEUS = {"instance", "job", DATABASE}
WIDTH = 24


def plain(query: str) -> str:
    """Gives a query with what Grafana puts in for the variable."""
    return query.replace('instance=~"$instance"', 'instance=~".*"')


@dataclass(frozen=True, slots=True)
class Written:
    """What zenctx has written: the values that each label of each metric has, and the text itself."""

    labels: Mapping[str, Mapping[str, set[str]]]
    text: str


@pytest.fixture
def written(past: Past) -> Written:
    """The metrics of a database with a past, with those of its commands."""
    labels: dict[str, dict[str, set[str]]] = {}
    for family in text_string_to_metric_families(past.text):
        for sample in family.samples:
            known = labels.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                known.setdefault(label, set()).add(value)
    return Written(labels, past.text)


def parts(expression: Expr) -> Iterator[Expr]:
    """Gives an expression and all that it is made of."""
    yield expression
    match expression:
        case BinaryExpr():
            yield from parts(expression.lhs)
            yield from parts(expression.rhs)
        case Call():
            for argument in expression.args:
                yield from parts(argument)
        case AggregateExpr() | promql_parser.ParenExpr() | promql_parser.UnaryExpr() | promql_parser.SubqueryExpr():
            yield from parts(expression.expr)
        case promql_parser.MatrixSelector():
            yield expression.vector_selector


def complaints(query: str, written: Written) -> Iterator[str]:
    """Gives what a query asks for that zenctx does not write: a metric, a label, the value of a label."""
    selectors = [part for part in parts(promql_parser.parse(plain(query))) if isinstance(part, VectorSelector)]
    if not selectors:
        yield "it selects nothing"
    known_labels = set(OF_PROMETHEUS)
    for selector in selectors:
        known = written.labels.get(str(selector.name))
        if known is None:
            yield f"no metric {selector.name}"
            continue
        known_labels |= set(known)
        for matcher in selector.matchers.matchers:
            if matcher.name in OF_PROMETHEUS:
                continue
            wanted = re.split(r"\|", matcher.value) if matcher.op == MatchOp.Re else [matcher.value]
            if matcher.name not in known:
                yield f"{selector.name} has no label {matcher.name}"
            elif matcher.op in (MatchOp.Equal, MatchOp.Re) and not set(wanted) <= known[matcher.name]:
                yield f"{selector.name} has no {matcher.name} {set(wanted) - known[matcher.name]}"
    grouped = {label for by in re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", query) for label in re.findall(r"\w+", by)}
    yield from (f"nothing has the label {label}" for label in grouped - known_labels)


def test_every_query_finds_what_zenctx_writes(written: Written) -> None:
    """Of every alert and every panel: each metric, each label and each of its values."""
    found = {query: list(complaints(query, written)) for query in [*QUERIES, *(rule["expr"] for rule in ALERTS)]}
    assert {query: said for query, said in found.items() if said} == {}


def test_a_query_that_finds_nothing_is_found_out(written: Written) -> None:
    """So that the test above can fail."""
    vain = ("1", "zenctx_no_such", 'zenctx_runs{kind="x"}', 'zenctx_runs{class="x"}', "sum by (form) (zenctx_runs)")
    assert all(list(complaints(query, written)) for query in vain)


def test_prometheus_answers_every_query_of_the_dashboard(written: Written, tmp_path: Path) -> None:
    """Loaded with what zenctx has written, each gives at least one value: joins and groups fit, too."""
    series = [
        {"series": add_instance(line.rpartition(" ")[0]), "values": f"{line.rpartition(' ')[2]}x20"}
        for line in written.text.splitlines()
        if not line.startswith("#")
    ]
    asked = [
        {"expr": plain(query), "eval_time": "1h", "exp_samples": [{"labels": "none", "value": 0}]} for query in QUERIES
    ]
    tests = {"rule_files": [], "tests": [{"interval": "5m", "input_series": series, "promql_expr_test": asked}]}
    path = tmp_path / "queries_test.yml"
    path.write_text(json.dumps(tests))
    # What it expected is not there, so it tells for each query what is.
    with pytest.raises(AssertionError) as caught:
        promtool("test", "rules", path)
    answers = re.findall(r"^\s*got: ?(.*)$", str(caught.value), re.MULTILINE)
    assert len(answers) == len(QUERIES)
    assert all(answer and answer != "nil" for answer in answers)


def add_instance(series: str) -> str:
    """Gives a series as Prometheus stores it: with the label of the host that it was collected from."""
    name, brace, labels = series.partition("{")
    return f'{name}{{instance="db1:9100",{labels}' if brace else f'{name}{{instance="db1:9100"}}'


@pytest.mark.parametrize("line", re.findall(r"^promtool (.*)$", GUIDE, re.MULTILINE))
def test_promtool_takes_the_rules_and_their_tests_pass(line: str) -> None:
    """By the commands of the guide."""
    said = promtool(*(str(MONITORING / word) if word.endswith(".yml") else word for word in line.split()))
    assert said.count("SUCCESS") == line.count(".yml")


@pytest.mark.parametrize("name", NAMES)
def test_every_alert_is_tested_to_fire_and_to_be_quiet(name: str) -> None:
    """At one moment at least it must fire, and at another it must not, of the same figures."""
    tests = yaml.safe_load((MONITORING / "alerts_test.yml").read_text())["tests"]
    asked = f'ALERTS{{alertname="{name}", alertstate="firing"}}'
    of_each = [
        [bool(each.get("exp_samples")) for each in test.get("promql_expr_test", ()) if each["expr"] == asked]
        for test in tests
    ]
    assert any(set(expected) == {True, False} for expected in of_each)


@pytest.mark.parametrize("rule", ALERTS, ids=NAMES)
def test_every_alert_says_where_what_and_what_to_do(rule: dict[str, Any]) -> None:
    """With a severity; every command that it names is one."""
    assert rule["labels"]["severity"] in {"critical", "warning"}
    annotations = rule["annotations"]
    assert set(annotations) == {"summary", "description"}
    assert "$labels.instance" in annotations["summary"] or rule["expr"].startswith("absent")
    words = {entry.words.split()[0] for entry in COMMANDS}
    named = re.findall(r"`zenctx ([\w-]+)[^`]*`", " ".join(annotations.values()))
    assert set(named) <= words


def test_every_alert_is_documented() -> None:
    """In the guide's table, and none that there is not."""
    assert set(re.findall(r"`(Zenctx\w+)`", GUIDE)) == set(NAMES)


def test_the_commands_of_the_guide_are_commands(sqlite_console: Console, tmp_path: Path) -> None:
    """Each is run, with a directory of the test in the place of the node exporter's."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if not line.startswith("promtool ")]
    assert len(lines) == 2
    for line in lines:
        program, *words = line.replace("/var/lib/prometheus/node-exporter", str(tmp_path)).split()
        assert program == "zenctx"
        assert sqlite_console.lines(*words) == []


def test_every_panel_is_one_that_grafana_shows() -> None:
    """A title, a description, a unit, a data source that can be chosen; no two at one place or with one id."""
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert len({panel["title"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    for panel in PANELS:
        assert panel["title"]
        assert panel["description"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        for target in panel["targets"]:
            assert target["datasource"] == panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            assert 'instance=~"$instance"' in target["expr"]
    for first, second in combinations([panel["gridPos"] for panel in DASHBOARD["panels"]], 2):
        assert not overlap(first, second)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= WIDTH for panel in DASHBOARD["panels"])


def overlap(first: Mapping[str, int], second: Mapping[str, int]) -> bool:
    """Tells whether two panels share room."""
    return all(
        first[at] < second[at] + second[size] and second[at] < first[at] + first[size] for at, size in ("xw", "yh")
    )


def test_the_variables_are_those_that_the_queries_use() -> None:
    """The data source, and the instances of a metric that there always is."""
    variables = {each["name"]: each for each in DASHBOARD["templating"]["list"]}
    assert set(variables) == set(re.findall(r"\$\{?(\w+)\}?", json.dumps(PANELS)))
    (metric,) = re.findall(r"label_values\((\w+), instance\)", variables["instance"]["query"]["query"])
    assert metric == BUILD_INFO.name


def test_units_fit_what_is_shown() -> None:
    """Seconds for what is measured in seconds, bytes for bytes, a part of one for a quotient."""
    for panel in (panel for panel in PANELS if panel["type"] != "table"):
        unit = panel["fieldConfig"]["defaults"]["unit"]
        for target in panel["targets"]:
            names: Sequence[str] = re.findall(r"zenctx_\w+", target["expr"])
            expected = {"_seconds": "s", "_bytes": "bytes"}.get(
                next(iter(re.findall(r"_(?:seconds|bytes)$", names[0])), "")
            )
            if " / " in target["expr"]:
                expected = "percentunit"
            assert unit == (expected or unit)
            assert expected or unit in {"short", "none"}


def test_without_any_figures_nothing_is_zero(folder: Path, tmp_path: Path) -> None:
    """A database that is away gives no figure that an alert could take for a good one."""
    path = tmp_path / "zenctx.prom"
    assert zenctx("metrics", "--db", f"sqlite:///{folder}/absent.db", "--textfile", str(path)).exit_code == 12
    assert not re.search(
        r"^zenctx_(?:dangling|orphan|contexts|quarantined|plaintext|operation|snapshot)", path.read_text(), re.MULTILINE
    )
