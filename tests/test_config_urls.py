"""Passwords in database URLs: found and masked in every form, and in text that is no URL."""

import re

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import URL

from zenctx.config import mask_url

MARK = "Hu9Zq7"
SPECIAL = st.lists(st.sampled_from([*"@/:?#&=;%, '\"\\[]\n", "://", "1", "%40", "x", "é", "=1&"])).map("".join)
PASSWORDS = st.builds(lambda parts: MARK + "".join(part + MARK for part in parts), st.lists(SPECIAL, min_size=1))
LED_PASSWORDS = st.builds("".join, st.tuples(SPECIAL, PASSWORDS, SPECIAL))
FORMS = (
    "postgresql://user:{}@host:5432/name?sslmode=require",
    "postgresql+psycopg://user:{}@/name?host=/run",
    "sqlite+pysqlcipher://:{}@/file.db",
    "jdbc:postgresql://user:{}@host/name?user=a@b",
    "jdbc:postgresql://host/name?user=u&password={}",
    "jdbc:postgresql://h1,h2:1/name?password={}&user=a@b",
    "postgresql:///name?sslpassword={}&sslkey=/k",
    "host=h user=u password={}",
    "password='{}' host=h",
    "postgresql:user:{}@host",
    "postgresql//user:{}@host/name",
    "user:{}@host",
    "cannot open postgresql://user:{}@host/name: refused",
)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (
            "postgresql+psycopg://u:pw@h:5432/d?sslmode=require",
            "postgresql+psycopg://u:***@h:5432/d?sslmode=require",
        ),
        ("postgresql://u:p%40w@[::1]:5432/d", "postgresql://u:***@[::1]:5432/d"),
        ("postgresql://u:p@w/x@h/d", "postgresql://u:***@h/d"),
        ("postgresql://u@tenant:pw@h/d", "postgresql://u@tenant:***@h/d"),
        ("postgresql://:pw@h/d", "postgresql://:***@h/d"),
        ("postgresql://u/pw@h/d", "postgresql://u:***@h/d"),
        ("postgresql://u:pw", "postgresql://u:***"),
        ("postgresql:/u:pw@h/d", "postgresql:/***@h/d"),
        ("u:pw@h/d", "u:***@h/d"),
        ("jdbc:oracle:thin:u/pw@h:1521:d", "jdbc:oracle:***@h:1521:d"),
        (
            "jdbc:postgresql://h/d?user=u&password=p&w&ssl=true",
            "jdbc:postgresql://h/d?user=u&password=***&ssl=true",
        ),
        ("jdbc:postgresql://h/d?password=p@w/?x&user=u@t", "jdbc:postgresql://h/d?password=***&user=u@t"),
        ("jdbc:sqlserver://h:1433;user=u;password=pw;", "jdbc:sqlserver://h:1433;user=u;password=***"),
        ("postgresql://h/d?p%61ssword=pw", "postgresql://h/d?p%61ssword=***"),
        ("postgresql:///d?SSLPASSWORD=pw&sslkey=/k", "postgresql:///d?SSLPASSWORD=***&sslkey=/k"),
        ("host=h user=u password='p w' sslmode=require", "host=h user=u password=*** sslmode=require"),
        ("sqlite+pysqlcipher://:pw@/x.db?cipher=aes", "sqlite+pysqlcipher://:***@/x.db?cipher=aes"),
        ("no route to postgresql://u:pw@h/d", "no route to postgresql://u:***@h/d"),
    ],
)
def test_passwords_are_masked(text: str, masked: str) -> None:
    """The rest of the URL stays readable where that is safe."""
    assert mask_url(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sqlite://",
        "sqlite:////home/a@b:c/x.db",
        "jdbc:sqlite:/home/a@b:c/x.db",
        "postgresql://h/d",
        "postgresql://u@h:5432/d",
        "postgresql://h1:5432,[::1]:5433/d?target_session_attrs=any",
        "jdbc:postgresql://h:5432/d?user=u@tenant&passfile=/p",
        "postgresql:///d?host=/run/postgresql&application_name=a@b",
        "s3://bucket/prefix",
        "/srv/zenctx-snapshots",
        'password authentication failed for user "u"',
    ],
)
def test_what_holds_no_password_stays(text: str) -> None:
    """Nothing is masked without need; the path of a password file is no password."""
    assert mask_url(text) == text


@settings(max_examples=300)
@given(password=LED_PASSWORDS)
@example(password=f"@{MARK}/{MARK}@{MARK}?{MARK}&{MARK}=#{MARK}")
@example(password=f"1/{MARK}?x={MARK}")
def test_no_part_of_a_password_survives(password: str) -> None:
    """Whatever stands in a password, unescaped too, no piece of it is left, and masking again changes nothing."""
    for form in FORMS:
        masked = mask_url(form.format(password))

        assert MARK not in masked, form
        assert mask_url(masked) == masked, form


@given(password=st.text(min_size=1), user=st.text(), host=st.sampled_from(["h", "db.example.org", "::1"]))
def test_urls_that_sqlalchemy_writes(password: str, user: str, host: str) -> None:
    """For a URL that parses only the password changes."""
    assume(not re.search("[\ud800-\udfff]", password + user))
    url = URL.create("postgresql", username=user, password=password, host=host, port=5432, database="d")

    masked = mask_url(url.render_as_string(hide_password=False))

    assert masked == url.render_as_string(hide_password=True)
