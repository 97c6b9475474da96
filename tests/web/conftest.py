"""One stack and one browser for all tests of the page; each test has windows of its own."""

import os
import shutil
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.devstack.commands.dev_process import DevRun, dev_runs
from tests.web.windows import KEEP_CONNECTIONS, KEEP_SOUNDS, SECONDS, Window

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# Devices that need no hardware and ask nobody: of five pictures a second, because each is coded and
# decoded by the CPU, once for each pair of windows. The last one is for machines that are offline:
# without it nothing connects over loopback alone.
CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--use-fake-device-for-media-stream=fps=5",
    "--use-fake-ui-for-media-stream",
    "--allow-loopback-in-peer-connection",
]
MAKING_SECONDS = 600  # npm packages and a build, on a busy machine and a slow index

type Open = Callable[[str], Window]

_opened: list[Window] = []  # of the test that runs


@pytest.fixture(scope="package")
def page_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevRun]:
    """A stack whose page is made."""
    state = tmp_path_factory.mktemp("web") / "state"
    with dev_runs() as start:
        run = start(state).until_ready()
        until_made(run)
        yield run


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        missing = "there is no Chromium on this machine: apt install chromium"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def blank(browser: Browser) -> Iterator[Callable[[], Page]]:
    """Opens empty windows, each in a context of its own: as separate as two browsers."""
    contexts = []

    def open_page() -> Page:
        # The stack's authority is trusted by nobody here, and MSAL wants TLS.
        context = browser.new_context(
            viewport={"width": 1100, "height": 720},
            ignore_https_errors=True,
            reduced_motion="reduce",
        )
        contexts.append(context)
        for kept in (KEEP_CONNECTIONS, KEEP_SOUNDS):
            context.add_init_script(kept)
        page = context.new_page()
        page.set_default_timeout(SECONDS * 1000)
        return page

    expect.set_options(timeout=SECONDS * 1000)
    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def window(page_stack: DevRun, blank: Callable[[], Page]) -> Iterator[Open]:
    """Opens a window in which a person is signed in. What its policy stops fails the test."""

    def open_window(name: str) -> Window:
        page, address = blank(), str(page_stack.stack["web"])
        told: list[str] = []

        def hear(said: ConsoleMessage) -> None:
            if said.location["url"].startswith(address):  # and not of the issuer's own pages
                told.append(f"{said.type}: {said.text}")

        page.on("console", hear)
        page.on("pageerror", lambda error: told.append(f"error: Uncaught {error}"))
        one = Window(name, page, told)
        _opened.append(one)
        one.sign_in(address)
        return one

    yield open_window
    stopped = [line for one in _opened for line in one.told if is_fault(line)]
    _opened.clear()
    assert stopped == []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Beside a failure, what the windows show, and what their consoles said."""
    report = yield
    if report.when == "call" and report.failed:
        for one in _opened:
            shown = "\n".join([one.page.inner_text("body"), *one.told])
            report.sections.append((f"the window of {one.name}", shown))
    return report


@pytest.fixture
def pictures() -> Path | None:
    """Where pictures for the README go, if somebody asks for new ones."""
    folder = os.environ.get("SCREENSHOTS")
    return Path(folder) if folder else None


def is_fault(line: str) -> bool:
    """Whether a line of the console says that the page is broken, or wants what it may not have."""
    return line.startswith("error:") and ("Content Security Policy" in line or "Uncaught" in line)


def until_made(run: DevRun) -> None:
    """Visit the page until it is there: the first visit makes it."""
    deadline = time.monotonic() + MAKING_SECONDS
    while (status := visit(run)) != 200:
        log = (Path(run.state) / "logs" / "web.log").read_text()
        assert status == 503, log
        assert time.monotonic() < deadline, log
        time.sleep(1)


def visit(run: DevRun) -> int:
    try:
        with urlopen(run.stack["web"], timeout=30) as answer:
            status: int = answer.status
            return status
    except HTTPError as refused:
        with refused:
            return refused.code
