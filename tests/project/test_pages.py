"""The pages that people read: each is found, each link leads somewhere, and each can be built."""

import functools
import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.support.pages import README, anchors, pages, without_code
from tests.support.stack import ROOT

DOCS = ROOT / "docs"
PAGES = pages()
# Those beside the code, which GitHub shows.
BESIDE = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf-8")
    for folder in (".", "devstack", "web", "tests", "benchmarks", "infra")
    for path in sorted((ROOT / folder).glob("*.md" if folder == "." else "**/*.md"))
    if "node_modules" not in path.parts and path != ROOT / "README.md"
}
LINK = re.compile(r"(?<!`)\[[^]]*\]\(([^)\s]+)\)")
# What GitHub itself answers, outside of the files.
OF_GITHUB = "../../actions/"


def place(name: str) -> Path:
    """Where a page lies."""
    return ROOT / name if name in BESIDE or name == "README.md" else DOCS / name


@functools.cache
def headings(file: Path) -> set[str]:
    """Where the headings of a file are found."""
    return set(anchors(file.read_text("utf-8")))


def links(text: str) -> list[str]:
    found = LINK.findall(re.sub(r"`[^`\n]*`", "``", without_code(text)))
    return [one for one in found if not one.startswith(("http://", "https://", OF_GITHUB))]


@pytest.mark.parametrize("name", [*PAGES, *BESIDE])
def test_each_link_leads_to_a_file_and_a_heading(name: str) -> None:
    text = (PAGES | BESIDE)[name]
    for link in links(text):
        file, _, anchor = link.partition("#")
        target = place(name).parent / file if file else place(name)
        assert target.resolve().exists(), link
        if anchor:
            assert anchor in headings(target.resolve()), link


@pytest.mark.parametrize("name", sorted(PAGES.keys() - {"README.md"}))
def test_a_page_of_the_site_links_to_nothing_outside_of_the_site(name: str) -> None:
    for link in links(PAGES[name]):
        target = (place(name).parent / link.partition("#")[0]).resolve()
        assert target.is_relative_to(DOCS), link


def test_every_page_is_in_the_navigation_and_on_the_first_page() -> None:
    nav = YAML(typ="safe").load(ROOT / "mkdocs.yml")["nav"]
    listed = re.findall(r"[\w/-]+\.md", str(nav))

    assert sorted(listed) == sorted(PAGES.keys() - {"README.md"})
    assert set(links(PAGES["index.md"])) == PAGES.keys() - {"README.md", "index.md"}


def test_the_readme_leads_to_everything_in_two_steps_and_is_short() -> None:
    assert {"docs/index.md", "docs/tutorial.md", "CONTRIBUTING.md"} <= set(links(README))
    assert 500 < len(without_code(README).split()) < 800


@pytest.mark.parametrize("name", PAGES)
def test_lists_and_tables_begin_after_a_blank_line(name: str) -> None:
    """GitHub does without; Python-Markdown, which builds the site, shows one paragraph."""
    before = ""
    text = re.sub(r"^( *)```.*?^\1```$", r"\1code", PAGES[name], flags=re.MULTILINE | re.DOTALL)
    for line in text.splitlines():
        is_item = re.match(r"([*-]|\d+\.) ", line) is not None
        was_item = re.match(r"([*-]|\d+\.| ) ?", before) is not None
        if before and not before.startswith("#"):
            assert not is_item or was_item, line
            assert not line.startswith("|") or before.startswith("|"), line
        before = line


@pytest.mark.parametrize("name", PAGES)
def test_what_is_inside_of_a_list_item_is_indented_by_four(name: str) -> None:
    for indent in re.findall(r"^( +)```", PAGES[name], re.MULTILINE):
        assert len(indent) % 4 == 0
    assert PAGES[name].count("```") % 2 == 0


@pytest.mark.parametrize("name", PAGES)
def test_a_picture_is_a_file_with_words_for_people_who_cannot_see_it(name: str) -> None:
    assert "```mermaid" not in PAGES[name]
    for words, file in re.findall(r"!\[([^]]*)\]\(([^)]+)\)", without_code(PAGES[name])):
        assert words
        if not file.startswith(OF_GITHUB):
            assert (place(name).parent / file).is_file(), file


@pytest.mark.parametrize("file", sorted(DOCS.rglob("*.svg")), ids=lambda file: file.name)
def test_a_drawing_loads_nothing_and_runs_nothing(file: Path) -> None:
    drawn = file.read_text("utf-8")

    assert not re.findall(r"<script|<image|href=|url\((?!#)|@import|\son\w+=", drawn)
