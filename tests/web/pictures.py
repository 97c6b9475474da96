"""Pictures of the page for people who read about it."""

import base64
from pathlib import Path

from playwright.sync_api import Page

# In place of Chromium's fake camera, which shows the same green disc for everybody: a drawn person
# who nods. From now on the page's camera shows them.
_DRAWN_CAMERA = """({ wall, hair, skin, shirt }) => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 360 });
  const context = canvas.getContext("2d");
  const disc = (colour, x, y, width, height) => {
    context.fillStyle = colour;
    context.beginPath();
    context.ellipse(x, y, width, height, 0, 0, 2 * Math.PI);
    context.fill();
  };
  const draw = () => {
    const nod = 6 * Math.sin(performance.now() / 400);
    context.fillStyle = wall;
    context.fillRect(0, 0, 640, 360);
    disc(shirt, 320, 390, 150, 120);
    disc(skin, 320, 270, 34, 50);
    disc(hair, 320, 140 + nod, 96, 92);
    disc(skin, 320, 172 + nod, 76, 92);
    disc("#2b2b2b", 290, 160 + nod, 7, 9);
    disc("#2b2b2b", 350, 160 + nod, 7, 9);
    context.strokeStyle = "#2b2b2b";
    context.lineWidth = 5;
    context.beginPath();
    context.arc(320, 195 + nod, 30, 0.15 * Math.PI, 0.85 * Math.PI);
    context.stroke();
  };
  setInterval(draw, 50);
  const devices = navigator.mediaDevices;
  const open = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async (wanted) => {
    const stream = await open(wanted);
    for (const track of stream.getVideoTracks()) {
      track.stop();
      stream.removeTrack(track);
      stream.addTrack(canvas.captureStream().getVideoTracks()[0]);
    }
    return stream;
  };
}"""
_LOOKS = (
    {"wall": "#cfe3f7", "hair": "#5b3a1e", "skin": "#f1c7a5", "shirt": "#2f6fb5"},
    {"wall": "#f6e2c6", "hair": "#1d1d24", "skin": "#a8714a", "shirt": "#3c8f6b"},
)

_FRAME = (
    "background:#dfe6f0;display:flex;align-items:start;"
    "gap:24px;padding:24px;margin:0;width:max-content"
)
_WINDOW = "border-radius:14px;box-shadow:0 8px 28px #0005;width:640px;display:block"


def draw_cameras(*pages: Page) -> None:
    """Let each of these windows show somebody else."""
    for page, looks in zip(pages, _LOOKS, strict=True):
        page.evaluate(_DRAWN_CAMERA, looks)


def side_by_side(left: Page, right: Page, file: Path) -> None:
    """Write a picture of two windows, made in a third."""
    shots = [base64.b64encode(page.screenshot()).decode() for page in (left, right)]
    images = "".join(f'<img style="{_WINDOW}" src="data:image/png;base64,{s}">' for s in shots)
    canvas = left.context.new_page()
    canvas.set_content(f'<!doctype html><body style="{_FRAME}">{images}</body>')
    file.parent.mkdir(parents=True, exist_ok=True)
    canvas.locator("body").screenshot(path=file)
    canvas.close()
