"""Arbitrary runs with secrets at arbitrary places: what is left is what stood there, with a mask for each secret."""

import json
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tests.context.test_secrets import ENCODERS
from tests.operations.scrubbing import MASK, SECRET, Vault, compact, holding, inline, memory
from tests.operations.world import World

_VALUES: tuple[Callable[[random.Random], Any], ...] = (
    lambda chance: chance.choice([None, True, 0, -1.5e300, 2**64, "", "plain text", 'é\u2028\\"/', "dGVzdGluZw=="]),
    lambda chance: [_value(chance) for _ in range(chance.randrange(4))],
    lambda chance: {f"n{chance.randrange(9)}é/~": _value(chance) for _ in range(chance.randrange(4))},
    lambda chance: ("secret", chance.choice(sorted(ENCODERS))),
)


def _value(chance: random.Random) -> Any:
    """Draws a value; a pair stands for the secret in some spelling."""
    return chance.choice(_VALUES)(chance)


def with_secret(drawn: Any, secret: str) -> Any:
    """Gives a drawn value with a secret, or what is to stand for it, in its places."""
    match drawn:
        case ("secret", str(how)):
            return ENCODERS[how](secret)
        case list():
            return [with_secret(each, secret) for each in drawn]
        case dict():
            return {name: with_secret(each, secret) for name, each in drawn.items()}
    return drawn


def add(vault: Vault, chance: random.Random) -> Callable[[str], list[str]]:
    """Adds a run; gives what tells the texts of its context, outputs and error with something for its secrets."""
    drawn = {f"k{number}": _value(chance) for number in range(chance.randrange(1, 6))}
    output, error = _value(chance), ("secret", chance.choice(sorted(ENCODERS)))
    kinds = [chance.choice(["MEMORY", "JSON", "FILE"]) for _ in drawn]
    as_descriptors = chance.random() < 0.5

    def entries(secret: str) -> dict[str, Any]:
        values = {key: with_secret(value, secret) for key, value in drawn.items()}
        if not as_descriptors:
            return values
        return {
            key: memory(value, _size(value)) if kind == "MEMORY" else inline(kind, compact(value).encode())
            for (key, value), kind in zip(values.items(), kinds, strict=True)
        }

    def expected(secret: str) -> list[str]:
        texts = [with_secret(output, secret), with_secret(error, secret)]
        return [compact(entries(secret)), compact(texts[0]), texts[1]]

    reserved = {"k": SECRET}
    _, stored_output, stored_error = expected(SECRET)
    context = {**entries(SECRET), "__zenflow_secrets": memory(reserved) if as_descriptors else reserved}
    run_id = vault.world.rows.add(compact(context))
    vault.set_error(run_id, stored_error)
    vault.add_node(run_id, stored_output, stored_error)
    return lambda secret: [run_id, *expected(secret)]


def _size(value: Any) -> int:
    """The size that is noted for a value in memory; that of the value as it will be, so that both sides agree."""
    return 2 * len(value.encode("utf-16-le")) // 2 if isinstance(value, str) else len(compact(value))


def normal(text: str) -> Any:
    """Gives what a JSON text means, descriptors with a document instead of its base64, sizes left out."""
    value = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    if isinstance(value, dict):
        for each in value.values():
            if isinstance(each, dict) and "inlineValue" in each:
                each["size"] = None
    return value


def test_what_is_left_is_what_stood_there_without_its_secrets(world: World) -> None:
    """Each value equals the one that was made with a mask in the place of the secret, in the same spelling."""
    chance = random.Random(7)  # noqa: S311 - nothing secret
    vault = Vault(world)
    runs = [add(vault, chance) for _ in range(30)]
    assert vault.scrub()[0].exit_code == 0
    query = """
        select cast(r.id as text), cast(r.context as text), cast(n.output as text), r.error, n.error
        from workflow_runs r join node_executions n on n.workflow_run_id = r.id"""
    there = {row[0]: row[1:] for row in world.rows.fetch(query)}
    for run in runs:
        run_id, context, output, error = run(MASK)
        left = there[run_id]
        assert normal(left[0]) == normal(context)
        assert normal(left[1]) == normal(output)
        assert left[2:] == (error, error)
        if world.rows.is_sqlite:
            assert left[1] == output
    assert holding(vault.dump(), SECRET) == []
    report, _ = vault.scrub()
    assert (report.exit_code, report.summary.scrubbed) == (0, 0)
    assert vault.world.verify()[0].exit_code == 0
