"""Pictures of the page for people who read about it."""

import base64
from pathlib import Path

from playwright.sync_api import Page

_FRAME = (
    "background:#dfe6f0;display:flex;align-items:start;"
    "gap:24px;padding:24px;margin:0;width:max-content"
)
_WINDOW = "border-radius:14px;box-shadow:0 8px 28px #0005;width:640px;display:block"


def side_by_side(left: Page, right: Page, file: Path) -> None:
    """Write a picture of two windows, made in a third."""
    shots = [base64.b64encode(page.screenshot()).decode() for page in (left, right)]
    images = "".join(f'<img style="{_WINDOW}" src="data:image/png;base64,{s}">' for s in shots)
    canvas = left.context.new_page()
    canvas.set_content(f'<!doctype html><body style="{_FRAME}">{images}</body>')
    file.parent.mkdir(parents=True, exist_ok=True)
    canvas.locator("body").screenshot(path=file)
    canvas.close()
