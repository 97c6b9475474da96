"""The pages that people read: README.md, and those in docs/."""

import re

from tests.support.stack import ROOT

README = (ROOT / "README.md").read_text("utf-8")


def page(name: str) -> str:
    """The text of a page.

    Args:
        name: below docs/, such as "settings.md".
    """
    return (ROOT / "docs" / name).read_text("utf-8")


def pages() -> dict[str, str]:
    """All pages of docs/ by their names, and the README."""
    found = sorted((ROOT / "docs").rglob("*.md"))
    names = [path.relative_to(ROOT / "docs").as_posix() for path in found]
    return {"README.md": README} | {name: page(name) for name in names}


def anchors(text: str) -> list[str]:
    """Where the headings of a page are found, in their order; a repeated one gets a number."""
    counted: dict[str, int] = {}
    found = []
    for heading in re.findall(r"^#+ (.+)$", without_code(text), re.MULTILINE):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", words.lower()).strip().replace(" ", "-")
        counted[name] = counted.get(name, -1) + 1
        found.append(f"{name}-{counted[name]}" if counted[name] else name)
    return found


def without_code(text: str) -> str:
    """A page without what is between fences."""
    return re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL)


def blocks(text: str, language: str = "") -> list[str]:
    """What is between fences of this language; without one, what people paste into a terminal.

    The indentation of a block in a list is removed.
    """
    fenced = re.findall(r"^( *)```(\w*)\n(.*?)^\1```$", text, re.MULTILINE | re.DOTALL)
    return [
        re.sub(rf"^{indent}", "", block, flags=re.MULTILINE)
        for indent, found, block in fenced
        if found == language
    ]
