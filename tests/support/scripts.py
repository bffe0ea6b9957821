"""SQL scripts for PostgreSQL, split into statements and run as psql would: each by itself."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg

_TOKEN = re.compile(r"--[^\n]*|'(?:[^']|'')*'|(?P<tag>\$\w*\$).*?(?P=tag)|;|[^-'$;]+|.", re.DOTALL)


def statements(script: str) -> Iterator[str]:
    """Split a script at the semicolons that are in no comment, string or dollar-quoted block."""
    parts: list[str] = []
    for token in _TOKEN.finditer(script):
        text = token[0]
        if text == ";":
            yield "".join(parts).strip()
            parts = []
        elif not text.startswith("--"):
            parts.append(text)
    assert not "".join(parts).strip(), "the script ends within a statement"


def run_script(url: str, script: str, settings: Mapping[str, str] | None = None) -> list[str]:
    """Run a script outside any transaction, in one session of the driver's; give what it raises as notices."""
    notices: list[str] = []
    with psycopg.connect(url, autocommit=True) as connection:
        connection.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
        for name, value in (settings or {}).items():
            connection.execute("select set_config(%s, %s, false)", (name, value))
        run_statements(connection, script)
    return notices


def run_statements(connection: psycopg.Connection[Any], script: str) -> None:
    """Run a script over a connection, each statement by itself."""
    for statement in statements(script):
        connection.execute(statement.encode())
