"""The pages are built as a site by Zensical, which is strict about links and headings. An
environment with it is made for that, which takes some seconds."""

import html
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.pages import pages, without_code
from tests.support.stack import ROOT

pytestmark = [pytest.mark.installation, pytest.mark.timeout(900)]

REQUIREMENTS = Path(__file__).parent / "requirements.txt"
NAMES = [name for name in pages() if name != "README.md"]


@pytest.fixture(scope="module")
def zensical(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("zensical") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    install = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-compile"]
    pinned = ["--require-hashes", "-r", str(REQUIREMENTS)]
    subprocess.run([*install, *pinned], check=True, cwd=ROOT)
    return folder / "bin" / "zensical"


def build(zensical: Path, folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [zensical, "build", "--strict"],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
        timeout=600,
    )


def copied(folder: Path) -> Path:
    shutil.copytree(ROOT / "docs", folder / "docs")
    shutil.copy(ROOT / "mkdocs.yml", folder)
    return folder


@pytest.fixture(scope="module")
def site(zensical: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copied(tmp_path_factory.mktemp("site"))
    done = build(zensical, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No issues found" in done.stdout + done.stderr
    return folder / "site"


def article(site: Path, name: str) -> str:
    """What is shown of a page, without code."""
    path = "index.html" if name == "index.md" else f"{name.removesuffix('.md')}/index.html"
    [shown] = re.findall(r"<article.*?</article>", (site / path).read_text("utf-8"), re.S)
    return html.unescape(re.sub(r"<pre.*?</pre>|<code.*?</code>", "", shown, flags=re.S))


@pytest.mark.parametrize("name", NAMES)
def test_all_of_a_page_is_shown_as_it_is_meant(site: Path, name: str) -> None:
    shown, written = article(site, name), without_code(pages()[name])

    assert shown.count("<table") == len(
        re.findall(r"^\|(?:-+\|)+$|^\|(?: *-+ *\|)+$", written, re.M)
    )
    for paragraph in re.findall(r"<(?:p|li)>(.*?)</(?:p|li)>", shown, re.S):
        told = re.sub(r"<[^>]+>", "", paragraph)
        assert not re.findall(r"```|\*\*|\]\(|^\||\n(?:\*|\d+\.|\|) ", told)


def test_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    for file in site.rglob("*.html"):
        text = file.read_text("utf-8")
        assert not re.findall(r'src="(?:https?:)?//|<link[^>]+href="(?:https?:)?//', text), file
        assert 'class="mermaid"' not in text


@pytest.mark.parametrize("wrong", ["[gone](gone.md)", "[gone](settings.md#gone)"])
def test_a_link_to_nothing_stops_the_build(zensical: Path, tmp_path: Path, wrong: str) -> None:
    folder = copied(tmp_path)
    with (folder / "docs" / "tutorial.md").open("a") as page:
        page.write(f"\n{wrong}\n")

    assert build(zensical, folder).returncode != 0
