"""A real headless Chromium, told what to do over a pipe: the DevTools protocol, as much of it as tests need."""

import fcntl
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from select import select
from time import monotonic
from typing import Any

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome-headless-shell")
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
_SECONDS = 30.0
_READ, _WRITE = 3, 4
"""Where Chromium expects the ends of the pipes."""


def find_browser() -> Path:
    """Find the one that the environment names, one on PATH, or that which `make test` has fetched.

    Without one the test is skipped here, and fails where CI is set.
    """
    named = os.environ.get("ZENCTX_TEST_BROWSER")
    fetched = Path(sys.prefix) / "browser" / "chromium"
    found = named or next(filter(None, map(shutil.which, _NAMES)), None) or (str(fetched) if fetched.exists() else None)
    if found:
        return Path(found)
    reason = "no Chromium: install one, or let 'make test' fetch it"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@dataclass
class Page:
    """One page. `events` is all that it has told so far."""

    browser: "_Browser"
    session: str
    events: list[dict[str, Any]] = field(default_factory=list)

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """Has the page do something; gives what it answers."""
        return self.browser.call(method, parameters, self)

    def open(self, url: str) -> None:
        """Opens a URL, and waits until all of it is there."""
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Page.navigate", url=url)
        self.browser.wait_for("Page.loadEventFired", self)

    def shape(self, width: int, *, media: str = "screen", scheme: str = "light") -> None:
        """Gives it a width in pixels, a medium (screen or print), and a colour scheme."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", media=media, features=features)

    def evaluate(self, expression: str) -> Any:
        """Gives the value of an expression of JavaScript."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def told(self, method: str) -> list[dict[str, Any]]:
        """Gives the events of one kind."""
        return [event["params"] for event in self.events if event["method"] == method]

    def complaints(self) -> list[object]:
        """Gives what stands in the console, and what was thrown."""
        return [
            *self.told("Runtime.consoleAPICalled"),
            *self.told("Runtime.exceptionThrown"),
            *self.told("Log.entryAdded"),
        ]

    def requests(self) -> list[str]:
        """Gives the URLs that it has asked for."""
        return [event["request"]["url"] for event in self.told("Network.requestWillBeSent")]


class _Browser:
    """The two ends of the pipe: messages are JSON, each ended by a zero byte."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        self._incoming, self._outgoing = incoming, outgoing
        self._held = b""
        self._number = 0
        self._pages: dict[str, Page] = {}

    def new_page(self) -> Page:
        """Opens an empty page."""
        target = self.call("Target.createTarget", {"url": "about:blank"}, None)["targetId"]
        attached = self.call("Target.attachToTarget", {"targetId": target, "flatten": True}, None)
        page = Page(self, attached["sessionId"])
        self._pages[page.session] = page
        return page

    def call(self, method: str, parameters: dict[str, object], page: Page | None) -> dict[str, Any]:
        """Sends a message; gives the answer, and keeps what comes before it."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if page is not None:
            message["sessionId"] = page.session
        os.write(self._outgoing, json.dumps(message).encode() + b"\0")
        while (answer := self._next(method)).get("id") != self._number:
            self._keep(answer)
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def wait_for(self, method: str, page: Page) -> None:
        """Waits for an event of a page."""
        while not page.told(method):
            self._keep(self._next(method))

    def _keep(self, message: dict[str, Any]) -> None:
        page = self._pages.get(message.get("sessionId", ""))
        if page is not None and "method" in message:
            page.events.append(message)

    def _next(self, wanted: str) -> dict[str, Any]:
        until = monotonic() + _SECONDS
        while b"\0" not in self._held:
            ready, _, _ = select([self._incoming], [], [], max(0.0, until - monotonic()))
            piece = os.read(self._incoming, 1 << 16) if ready else b""
            assert piece, f"the browser does not answer: {wanted}"
            self._held += piece
        text, _, self._held = self._held.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        return message


@contextmanager
def running_browser() -> Iterator[_Browser]:
    """Runs a browser for the block, with an empty profile of its own."""
    program = find_browser()
    with tempfile.TemporaryDirectory(prefix="zenctx-browser-", ignore_cleanup_errors=True) as profile:
        commands, outgoing = map(_above, os.pipe())
        incoming, answers = map(_above, os.pipe())
        nowhere = (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)
        ends = [(os.POSIX_SPAWN_DUP2, commands, _READ), (os.POSIX_SPAWN_DUP2, answers, _WRITE), nowhere]
        arguments = [str(program), *_FLAGS, f"--user-data-dir={profile}", "about:blank"]
        process = os.posix_spawn(program, arguments, _environment(program, profile), file_actions=ends, setsid=True)
        for end in (commands, answers):
            os.close(end)
        try:
            yield _Browser(incoming, outgoing)
        finally:
            os.killpg(process, signal.SIGKILL)
            os.waitpid(process, 0)
            for end in (incoming, outgoing):
                os.close(end)


def _above(fd: int) -> int:
    """Moves one end of a pipe out of the way of those that Chromium is given."""
    moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(fd)
    return moved


def _environment(program: Path, home: str) -> dict[str, str]:
    """The one that was fetched brings libraries and a font."""
    beside = program.parent
    brought = (
        {"LD_LIBRARY_PATH": str(beside / "lib"), "FONTCONFIG_PATH": str(beside)} if (beside / "lib").is_dir() else {}
    )
    fetched = brought if (beside / "fonts.conf").exists() else {}
    return {**os.environ, "HOME": home, **fetched}
