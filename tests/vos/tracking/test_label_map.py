"""From small logits to a label map, and the step that moves borders to edges."""

from __future__ import annotations

import numpy as np

from tests.vos.scenes import iou
from vos.tracking.edges import refine_edges
from vos.tracking.label_map import label_map, patches_of
from vos.tracking.view import whole_frame

HEIGHT, WIDTH = 96, 128


def picture() -> tuple[np.ndarray, np.ndarray]:
    """A bright disc on dark ground, and where it is."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    disc = (rows - 50) ** 2 + (columns - 60) ** 2 < 28**2
    rng = np.random.default_rng(0)
    rgb = np.where(disc[..., None], (190, 150, 120), (50, 70, 60)) + rng.integers(-6, 7, (HEIGHT, WIDTH, 3))
    return rgb.astype(np.uint8), disc


def labels_of(
    logits: np.ndarray, shown: list[bool], ids: list[int], exact: dict[int, np.ndarray], rgb: np.ndarray
) -> np.ndarray:
    height, width = rgb.shape[:2]
    whole = whole_frame(height, width, (height, width))
    shown = [own and i not in exact for own, i in zip(shown, ids, strict=True)]
    return label_map(patches_of(whole, ids, logits, shown), exact, rgb)


def coarse_logits(mask: np.ndarray) -> np.ndarray:
    share = mask.reshape(HEIGHT // 8, 8, WIDTH // 8, 8).mean((1, 3))
    return (share * 10 - 5).astype(np.float32)


def test_a_coarse_border_moves_to_the_edge_of_the_picture() -> None:
    rgb, disc = picture()
    logits = coarse_logits(disc)
    flat = np.full_like(rgb, 128)
    with_edges = labels_of(logits[None], [True], [1], {}, rgb) == 1
    without = labels_of(logits[None], [True], [1], {}, flat) == 1
    assert iou(with_edges, disc) > 0.97
    assert iou(with_edges, disc) > iou(without, disc) + 0.01


def test_a_decided_mask_is_left_alone() -> None:
    rgb, _ = picture()
    certain = np.full((HEIGHT, WIDTH), -20, np.float32)
    assert refine_edges(rgb, certain, certain > 0) is certain
    certain[10:40, 20:70] = 20
    before = certain.copy()
    refine_edges(rgb, certain, certain > 0)
    assert np.array_equal(certain, before)


def test_a_stick_and_a_slit_are_not_smoothed_away() -> None:
    """On a flat picture a window has nothing but the mask to go by, and in it the stick is a minority."""
    flat = np.full((480, 640, 3), 128, np.uint8)
    logits = np.full((480, 640), -2.0, np.float32)
    logits[100:300, 100:300] = 2
    logits[180:185, 300:500] = 2  # a stick
    logits[100:300, 200:205] = -2  # a slit
    refined = refine_edges(flat, logits, logits > 0) > 0
    assert refined[180:185, 320:480].all()
    assert not refined[120:280, 200:205].any()
    assert np.array_equal(refined[120:280, 120:180], logits[120:280, 120:180] > 0)


def test_every_pixel_has_one_owner_and_hidden_objects_have_none() -> None:
    rgb, disc = picture()
    left = disc.copy()
    left[:, 60:] = False
    logits = np.stack([coarse_logits(disc) * 0.5, coarse_logits(left), coarse_logits(~disc)])
    labels = labels_of(logits, [True, True, False], [3, 7, 9], {}, rgb)
    assert labels.dtype == np.uint16
    assert set(np.unique(labels)) == {0, 3, 7}
    # Where both claim the pixel, the more certain one has it.
    assert (labels[45:55, 45:55] == 7).all()
    assert (labels[45:55, 70:80] == 3).all()


def test_a_mask_the_user_gave_is_kept_to_the_pixel() -> None:
    rgb, disc = picture()
    given = np.zeros((HEIGHT, WIDTH), bool)
    given[3:9, 5:100] = True
    logits = np.stack([coarse_logits(disc), coarse_logits(given)])
    labels = labels_of(logits, [True, True], [1, 2], {2: given}, rgb)
    assert np.array_equal(labels == 2, given)


def test_a_tiny_picture_is_survived() -> None:
    rgb = np.zeros((1, 1, 3), np.uint8)
    labels = labels_of(np.full((1, 16, 16), 0.3, np.float32), [True], [1], {}, rgb)
    assert labels.tolist() == [[1]]
