"""Rows as an engine leaves them: contexts of 20 keys and about 1.5 KB, the same ones in every run of the benchmark."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from uuid import UUID

WORKFLOW_ID = "00000000-0000-4000-8000-000000000001"
_SEED = 7
_STATUSES = ("SUCCESS", "SUCCESS", "SUCCESS", "SUCCESS", "ERROR", "RUNNING")
_FIRST = ("Anna", "Björn", "Chloé", "Dmitrij", "Emre", "Françoise", "Grzegorz", "Håkon", "Ivana", "Jürgen", "美咲")
_LAST = ("Müller", "Nowak", "García", "O'Neill", "Šimić", "Þórsson", "Lefèvre", "Smith", "Weiß", "Yılmaz", "佐藤")  # noqa: RUF001 - a real name
_CITIES = ("Zürich", "Kraków", "Málaga", "Reykjavík", "Köln", "Leeds", "İzmir", "Gent", "東京", "Porto", "Austin")
_TEXT = (
    "the parcel could not be delivered because nobody was at home and the neighbour did not answer the door either "
    "so it waits at the depot until Friday where it may be fetched with the card that the driver has left behind"
)
_WORDS = _TEXT.split()


@dataclass(frozen=True, slots=True)
class SampleRow:
    """One row of `workflow_runs`; times as text that both databases read, None for none."""

    run_id: str
    status: str
    started_at: str
    ended_at: str | None
    context: str


def rows(count: int) -> Iterator[SampleRow]:
    """Yields rows in the order in which an engine would have written them: ids are random, times ascend."""
    random = Random(_SEED)  # noqa: S311 - the same rows every time are what is wanted
    for number in range(count):
        status = random.choice(_STATUSES)
        day, minute = f"2026-{1 + number // 4000 % 12:02}-{1 + number % 28:02}", f"{number % 60:02}"
        ended = None if status == "RUNNING" else f"{day}T09:{minute}:31.500Z"
        text = json.dumps(_context(random, number), ensure_ascii=False, separators=(",", ":"))
        run_id = str(UUID(int=random.getrandbits(128), version=4))
        yield SampleRow(run_id, status, f"{day}T09:{minute}:07.250Z", ended, text)


def large_rows(count: int, least: int, most: int) -> Iterator[SampleRow]:
    """Yields rows that hold one small value and one long string each, of anything between so many characters."""
    random = Random(_SEED)  # noqa: S311 - as above
    for row in rows(count):
        long = random.randbytes(random.randint(least, most) // 2).hex()
        yield SampleRow(
            row.run_id, row.status, row.started_at, row.ended_at, f'{{"a.output.n":1,"b.output.s":"{long}"}}'
        )


def wide_rows(count: int, size: int) -> Iterator[SampleRow]:
    """Yields rows of about so many bytes: the usual keys, and sentences that compress as such texts do."""
    random = Random(_SEED)  # noqa: S311 - as above
    for row in rows(count):
        sentences = [_sentence(random, 75) for _ in range(size // 400)]
        more = json.dumps({"http.output.report": sentences}, ensure_ascii=False, separators=(",", ":"))
        context = f"{row.context[:-1]},{more[1:]}"
        yield SampleRow(row.run_id, row.status, row.started_at, row.ended_at, context)


def _context(random: Random, number: int) -> dict[str, object]:
    first, last, city = random.choice(_FIRST), random.choice(_LAST), random.choice(_CITIES)
    price = random.randrange(100, 100_000) / 100
    return {
        "__zenflow_callback_url": f"https://hooks.example.org/run/{number}?token={random.getrandbits(64):x}",
        "webhook.output.payload.order.id": 10_000 + number,
        "webhook.output.payload.order.total": price,
        "webhook.output.payload.order.express": random.random() < 0.3,
        "webhook.output.payload.customer.name": f"{first} {last}",
        "webhook.output.payload.customer.city": city,
        "webhook.output.payload.customer.note": _sentence(random, 78),
        "webhook.output.payload.coupon": None,
        "http.output.status_code": random.choice((200, 200, 200, 201, 404)),
        "http.output.headers": {"content-type": ["application/json"], "x-request-id": [f"{random.getrandbits(64):x}"]},
        "http.output.body": {"items": [_item(random) for _ in range(2)], "next": None, "total": price},
        "http.output.elapsed_ms": random.randrange(20, 900),
        "transform.output.result": f'{_sentence(random, 6)}\n{first} in {city}: "{price:.2f}"',
        "transform.output.lines": random.randrange(1, 9),
        "branch.output.taken": random.choice(("approve", "reject", "ask again")),
        "branch.output.score": random.random(),
        "loop.output.index": random.randrange(20),
        "loop.output.items": [random.choice(_WORDS) for _ in range(5)],
        "mail.output.sent": True,
        "mail.output.message_id": f"<{random.getrandbits(80):x}@mail.example.org>",
    }


def _item(random: Random) -> dict[str, object]:
    return {"sku": f"AB-{random.randrange(1000)}", "price": random.randrange(1000) / 10, "tags": ["new", "sale"]}


def _sentence(random: Random, length: int) -> str:
    return " ".join(random.choice(_WORDS) for _ in range(length))
