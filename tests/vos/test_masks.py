"""From small logits to a label map at source size."""

from __future__ import annotations

import numpy as np
import torch

from tests.vos.scenes import iou
from vos.masks import label_map

HEIGHT, WIDTH = 96, 128


def disc_mask() -> np.ndarray:
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    return (rows - 50) ** 2 + (columns - 60) ** 2 < 28**2


def coarse_logits(mask: np.ndarray) -> torch.Tensor:
    share = mask.reshape(HEIGHT // 8, 8, WIDTH // 8, 8).mean((1, 3))
    return torch.from_numpy((share * 10 - 5).astype(np.float32))


def test_a_small_mask_is_brought_to_source_size_where_it_was() -> None:
    disc = disc_mask()
    labels = label_map(coarse_logits(disc)[None], torch.tensor([True]), [1], (HEIGHT, WIDTH), {})
    assert iou(labels == 1, disc) > 0.95
    assert abs(np.argwhere(labels == 1).mean(0) - np.argwhere(disc).mean(0)).max() < 0.5


def test_every_pixel_has_one_owner_and_hidden_objects_have_none() -> None:
    disc = disc_mask()
    left = disc.copy()
    left[:, 60:] = False
    logits = torch.stack([coarse_logits(disc) * 0.5, coarse_logits(left), coarse_logits(~disc)])
    labels = label_map(logits, torch.tensor([True, True, False]), [3, 7, 9], (HEIGHT, WIDTH), {})
    assert labels.dtype == np.uint16
    assert set(np.unique(labels)) == {0, 3, 7}
    # Where both claim the pixel, the more certain one has it.
    assert (labels[45:55, 45:55] == 7).all()
    assert (labels[45:55, 70:80] == 3).all()


def test_a_mask_the_user_gave_is_kept_to_the_pixel() -> None:
    disc = disc_mask()
    given = np.zeros((HEIGHT, WIDTH), bool)
    given[3:9, 5:100] = True
    logits = torch.stack([coarse_logits(disc), coarse_logits(given)])
    labels = label_map(logits, torch.tensor([True, True]), [1, 2], (HEIGHT, WIDTH), {2: given})
    assert np.array_equal(labels == 2, given)


def test_a_tiny_picture_is_survived() -> None:
    labels = label_map(torch.zeros(1, 16, 16) + 0.3, torch.tensor([True]), [1], (1, 1), {})
    assert labels.tolist() == [[1]]
