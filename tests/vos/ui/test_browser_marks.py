"""In a real browser: single marks, the right button, keys, what an update will track, edits of finished masks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# The first of the two skips this file too where there is nothing to test with.
from tests.vos.ui.test_browser import CHROMIUM, Page, opened_page, served  # isort: skip
from tests.vos.ui.open_app import BLUE, FRAMES, HEIGHT, RED, WIDTH, centre, write_scene

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="the browser test needs Chromium (apt-get install chromium)")


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    clip = write_scene(tmp_path / "clip.mp4")
    with served(tmp_path, clip) as address, opened_page(address, WIDTH, HEIGHT) as page:
        yield page


def document(page: Page) -> dict[str, Any]:
    state: dict[str, Any] = page.page.evaluate(
        """async () => {
            const headers = {"x-vos-token": sessionStorage.getItem("vos-token")};
            return (await fetch("api/state", {headers})).json();
        }"""
    )
    return state


def points(page: Page) -> dict[str, Any]:
    prompts = document(page)["document"]["prompts"]
    return next((prompt for prompt in prompts if prompt["kind"] == "points"), {"positive": [], "negative": []})


def click(page: Page, x: float, y: float, **how: Any) -> None:
    page.page.mouse.click(*page.at(x, y), **how)
    page.page.wait_for_timeout(300)


def test_marks_keys_forecast_and_edits_of_masks(page: Page) -> None:
    tab = page.page
    x, y = centre(RED, 0)

    # The right button says "not this", whatever the tool.
    tab.keyboard.press("p")
    click(page, x, y)
    tab.keyboard.press("b")
    click(page, 4, 60, button="right")
    assert len(points(page)["negative"]) == 1
    assert "stroke" not in {prompt["kind"] for prompt in document(page)["document"]["prompts"]}

    # A single mark is chosen, moved, deleted.
    tab.keyboard.press("v")
    page.drag((4, 60), (14, 50))
    tab.wait_for_timeout(300)
    (moved,) = points(page)["negative"]
    assert moved == pytest.approx([14, 50], abs=1)
    page.shot("marks_1_moved")
    click(page, 14, 50)
    tab.keyboard.press("Delete")
    tab.wait_for_timeout(300)
    assert points(page)["negative"] == []
    assert len(points(page)["positive"]) == 1

    # Arrow keys step frames, also after the picture was clicked; so do comma and full stop.
    tab.keyboard.press("ArrowRight")
    tab.wait_for_selector("#canvas[data-shown='1']")
    tab.keyboard.press(".")
    tab.wait_for_selector("#canvas[data-shown='2']")
    tab.keyboard.press(",")
    tab.wait_for_selector("#canvas[data-shown='1']")
    tab.keyboard.press("ArrowLeft")
    tab.wait_for_selector("#canvas[data-shown='0']")
    # The crosshair of the keyboard is there on request.
    tab.keyboard.press("n")
    tab.keyboard.press("c")
    tab.keyboard.press("ArrowLeft")
    tab.keyboard.press("Enter")
    tab.wait_for_timeout(300)
    assert len(points(page)["negative"]) == 1
    tab.keyboard.press("Escape")
    tab.keyboard.press("Control+z")
    tab.wait_for_timeout(300)
    assert points(page)["negative"] == []

    # What is tracked is said before.
    tab.click("#add-object")
    tab.wait_for_selector(".object.active[data-object='2']")
    tab.keyboard.press("p")
    click(page, *centre(BLUE, 0))
    page.propagate()
    page.go_to(6)
    tab.locator("#canvas").focus()
    click(page, *centre(BLUE, 6))
    tab.wait_for_selector(f"#run-state:has-text('Update tracks frames 6 to {FRAMES - 1} (Object 2 changed)')")
    page.shot("marks_2_forecast")
    tab.keyboard.press("Control+z")
    tab.wait_for_selector("#run-state:has-text('up to date')")

    # Two objects trade their masks on three frames, and back.
    page.go_to(5)
    tab.click("#edit-masks")
    tab.fill("#edit-from", "4")
    tab.fill("#edit-to", "6")
    page.shot("marks_3_edit")
    tab.click("#edit-apply")
    tab.wait_for_selector(".toast:has-text('3 masks changed')")
    page.wait_for_masks("run")
    tab.mouse.move(*page.at(2, 2))
    swapped = page.mask_colour_at(*centre(RED, 5))
    page.shot("marks_4_swapped")
    tab.click("#edit-masks")
    tab.click("#edit-undo")
    tab.wait_for_timeout(500)
    tab.click("#edit-dialog button[value=cancel]")
    tab.wait_for_timeout(300)
    own = page.mask_colour_at(*centre(RED, 5))
    assert own[0] - own[2] > 10 + swapped[0] - swapped[2], "red over the red disc again, which was blue"

    # The piece under a click becomes an object.
    tab.click("#edit-masks")
    tab.select_option("#edit-kind", "split")
    tab.select_option("#edit-first", "2")
    tab.click("#edit-apply")
    click(page, *centre(BLUE, 5))
    tab.wait_for_selector(".object[data-object='3']")
    page.shot("marks_5_split")
    assert document(page)["run"]["edits"] == ["split 2, part is 3, frames 4 to 6"]
