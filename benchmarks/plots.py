"""Plots as SVG: a bar for each case up to the median, and a line from the least to the most.

A plotting library would be larger than everything else that the tests need, for one kind of plot.
"""

from collections.abc import Mapping
from html import escape

from benchmarks.results import Figure

_WIDTH, _ROW, _BAR = 720, 24, 14
_NAMES, _VALUES, _TOP, _BOTTOM = 230, 90, 34, 12
_COLOURS = {"reference": "#9aa5b1", "ours": "#2f6fb0", "line": "#1b2733", "text": "#1b2733"}


def is_reference(case: str) -> bool:
    return case.startswith("reference") or " raw " in f" {case} "


def plot(title: str, quantity: str, cases: Mapping[str, Mapping[str, Figure]]) -> str:
    """The SVG document of one quantity; cases that have none are left out."""
    shown = {case: figures[quantity] for case, figures in cases.items() if quantity in figures}
    most = max((figure["most"] for figure in shown.values()), default=0) or 1
    height = _TOP + _ROW * len(shown) + _BOTTOM
    heading = f'<text x="12" y="20" font-weight="bold">{escape(f"{title} ({quantity})")}</text>'
    rows = "\n".join(
        _row(case, figure, _TOP + n * _ROW, (_WIDTH - _NAMES - _VALUES) / most)
        for n, (case, figure) in enumerate(shown.items())
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}"'
        f' viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="12"'
        f' fill="{_COLOURS["text"]}">\n'
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>\n{heading}\n{rows}\n</svg>\n'
    )


def number(value: float) -> str:
    """A figure with as many digits as mean something."""
    if abs(value) >= 100:  # noqa: PLR2004
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"  # noqa: PLR2004


def _row(case: str, figure: Figure, top: int, scale: float) -> str:
    """A case: its name, its bar and line, and its median.

    Args:
        scale: pixels for one of the quantity.
    """
    colour = _COLOURS["reference" if is_reference(case) else "ours"]
    middle, end = top + _ROW / 2, _NAMES + figure["median"] * scale
    least, most = _NAMES + figure["least"] * scale, _NAMES + figure["most"] * scale
    return (
        f'<text x="{_NAMES - 8}" y="{middle + 4}" text-anchor="end">{escape(case)}</text>'
        f'<rect x="{_NAMES}" y="{middle - _BAR / 2}" width="{end - _NAMES:.1f}"'
        f' height="{_BAR}" fill="{colour}"/>'
        f'<line x1="{least:.1f}" y1="{middle}" x2="{most:.1f}" y2="{middle}"'
        f' stroke="{_COLOURS["line"]}" stroke-width="2"/>'
        f'<text x="{most + 8:.1f}" y="{middle + 4}">{number(figure["median"])}</text>'
    )
