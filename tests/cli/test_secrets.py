"""Tests that no command shows a secret in any format, on either database, in either form of a context."""

import base64
import json

import pytest

from tests.cli.console import RUN, Console, descriptor, vector
from tests.support.rows import compact

SECRETS = ("sk-not-a-real-secret", "ghp_notARealToken", "hunter2", "token=abc123")
FORMATS = (["--verbose"], ["--json"], ["--format", "jsonl"])
LOOKING = (
    ["inspect", RUN],
    ["inspect", RUN, "__zenflow_secrets"],
    ["inspect", RUN, "__zenflow__profiles", "--pointer", ""],
    ["inspect", RUN, "__zenflow_callback_url"],
    ["inspect", RUN, "copied"],
    ["inspect", RUN, "__zenflow_secret"],
    ["runs"],
    ["verify"],
    ["migrate", "--dry-run"],
    ["migrate", "--check"],
    ["migrate", "--list-quarantined"],
)


def reserved() -> dict[str, object]:
    """Gives the vector of reserved keys, and its secrets once more under another key, plain and in base64."""
    context: dict[str, object] = json.loads(vector("legacy/11_reserved_keys"))
    encoded = base64.b64encode(b"Bearer sk-not-a-real-secret!").decode()
    return {**context, "copied": {"header": f"x {SECRETS[0]} y", "b64": encoded, "ghp_notARealToken": 1}}


@pytest.fixture(params=["legacy", "descriptors", "mixed"])
def full_of_secrets(console: Console, request: pytest.FixtureRequest) -> Console:
    """A run with secrets, in each form."""
    context = reserved()
    if request.param == "mixed":
        context["a"] = descriptor()
    console.rows.add(compact(context), run_id=RUN)
    if request.param == "descriptors":
        assert console.run("migrate").exit_code == 0
    return console


def test_no_secret_is_shown(full_of_secrets: Console) -> None:
    """Not as a value, a preview, a key or a reason; not in an error; and the command does tell the rest."""
    encoded = base64.b64encode(b"sk-not-a-real-secret").decode().rstrip("=")[4:-4]
    for arguments in LOOKING:
        for format_ in FORMATS:
            result = full_of_secrets.run(*arguments, *format_)
            assert result.exit_code in (0, 4, 10), result.output
            for secret in (*SECRETS, encoded):
                assert secret not in result.output, (arguments, format_)
    assert "fetch.output.status" in full_of_secrets.run("inspect", RUN).stdout


def test_secrets_are_shown_to_those_who_ask(full_of_secrets: Console) -> None:
    """Each of them, under its key."""
    for key, secret in (("__zenflow_secrets", SECRETS[0]), ("copied", SECRETS[0]), ("__zenflow__profiles", SECRETS[2])):
        assert secret in full_of_secrets.run("inspect", RUN, key, "--show-secrets").stdout
        assert secret in full_of_secrets.run("cat", RUN, key, "--show-secrets").stdout


@pytest.mark.parametrize("key", ["__zenflow_secrets", "__zenflow__profiles", "__zenflow_callback_url", "copied"])
def test_secrets_are_not_written_out(full_of_secrets: Console, key: str) -> None:
    """`cat` refuses instead of writing half a value."""
    result = full_of_secrets.run("cat", RUN, key)
    assert (result.exit_code, result.stdout_bytes) == (5, b"")
    assert not any(secret in result.output for secret in SECRETS)
