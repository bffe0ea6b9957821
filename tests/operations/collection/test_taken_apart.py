"""What PostgreSQL takes out of contexts names the same files as a look at the whole text."""

import json
from base64 import b64encode
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from tests.database.conftest import opened
from tests.operations.world import World, make_world
from zenctx.database import references
from zenctx.operations.live_files import live_files
from zenctx.store.mentions import Mentions

BASE = "./data/context-files/persistent/"
RUN = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
USUAL = f"{BASE}{RUN}/a-1.json"
# One string each: a locator as usual, one in another spelling, one in which the name of a directory only stands.
STRINGS = [
    USUAL,
    f"{BASE}{RUN}/b-2.json",
    f"{BASE}other/x",
    f"{BASE}top",
    f"{BASE}{RUN}/sub/deep.json",
    f"{BASE}{RUN}/../{RUN}/c",
    f'{BASE}{RUN}/with"quote',
    f"{BASE}{RUN}/with\\backslash",
    f"{BASE}{RUN}/new\nline",
    f"{BASE}{RUN}/ünïcode",
    f"{BASE}{RUN}/zenctx-tmp-1",
    f"{BASE}persistent/again",
    BASE,
    f"data/context-files/persistent/{RUN}/d",
    f"./data/./context-files/persistent/{RUN}/e",
    "./data/context-files/zenflow-ctx-1",
    f'see "{BASE}{RUN}/quoted" there',
    f'see "{BASE}{RUN}/quoted there',
    f"\\u0022{BASE}{RUN}/escaped",
    "persistent",
    'say "JSON"',
    b64encode(json.dumps({"p": USUAL}).encode()).decode(),
    "",
    "plain",
    "\\",
]

strings = st.sampled_from(STRINGS)
values = st.recursive(
    strings | st.integers() | st.none() | st.builds(lambda each: {"type": "JSON", "locator": each}, strings),
    lambda inner: st.dictionaries(strings, inner, max_size=3) | st.lists(inner, max_size=3),
    max_leaves=6,
)
contexts = st.dictionaries(strings | st.just("a.output"), values, max_size=5) | values


def look(world: World, texts: list[str]) -> int:
    """Compare both ways for every context; give how many were taken apart."""
    mentions = Mentions(live_files(world.settings).locators)
    world.rows.execute("delete from workflow_runs")
    world.rows.add_all(texts)
    with world.database.connect() as connection:
        sources = references.find_sources(connection, mentions.marks, mentions.encoded_marks, mentions.base)
        assert sources.base == BASE
        found = list(references.rows(connection, sources))
        query = text("select id::text as id, context::text as context from workflow_runs")
        whole = {str(row.id): str(row.context) for row in connection.execute(query)}
    for row in found:
        joined = row.behind_base
        names = mentions.find(row.text or b"") if joined is None else mentions.behind_base(joined)
        assert names == mentions.find(whole[row.run_id].encode()), (whole[row.run_id], joined)
    assert len(found) == len(texts)
    return sum(row.behind_base is not None for row in found)


def test_one_by_one(postgres_world: World) -> None:
    """Each string as a value, as a key, and beside a usual locator; the usual ones need no second look."""
    texts = [json.dumps({"a": {"locator": each}, "b": other}) for each in STRINGS for other in (1, USUAL)]
    texts += [json.dumps({each: 1, "b": [USUAL, each]}) for each in STRINGS]
    texts += [json.dumps(each) for each in STRINGS]
    assert 20 < look(postgres_world, texts) < len(texts)
    usual = [json.dumps({"a": {"locator": USUAL}, "b": {"type": "JSON", "inlineValue": "e30="}, "c": "\\n"})] * 3
    assert look(postgres_world, usual) == len(usual)


def test_in_any_context(postgres_url: str, tmp_path: Path) -> None:
    """Whatever stands around it."""
    with opened(postgres_url) as database:
        world = make_world(database, tmp_path)

        @settings(max_examples=15, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
        @given(st.lists(contexts, min_size=30, max_size=30))
        def compare(some: list[object]) -> None:
            look(world, [json.dumps(each, ensure_ascii=False) for each in some])

        compare()
