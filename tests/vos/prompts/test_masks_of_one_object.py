"""Masks as painters and tools write them: one object in, the same object out, or one line that says why not."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.vos.prompts.ways_to_write_masks import WAYS, random_object
from vos.errors import PromptError
from vos.files.palette import DAVIS_PALETTE
from vos.prompts import read_masks

# What cannot be told for certain is refused: which of black and white is the object, or whether white is void.
REFUSED = {
    "L inverted": "Invert the picture",
    "L inverted and soft": "Invert the picture",
    "RGB red on white": "leave the background transparent or black",
}


def read_way(way: str, mask: np.ndarray) -> tuple[np.ndarray, int]:
    """The one object that is read back, and its id. Raises PromptError."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mask.png"
        WAYS[way](mask, path)
        masks = read_masks(path)
    assert len(masks) == 1, f"{way}: {len(masks)} objects"
    return masks[0].pixels, masks[0].object_id


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_one_object_is_the_same_object_in_forty_ways_of_writing_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = random_object(rng, int(rng.integers(200, 380)), int(rng.integers(200, 380)))
    assert len(WAYS) >= 40
    at_the_border = any(line.any() for line in (mask[0], mask[-1], mask[:, 0], mask[:, -1]))
    for way in WAYS:
        try:
            pixels, _ = read_way(way, mask)
        except PromptError as error:
            assert "\n" not in str(error)
            assert "mask.png" in str(error)
            assert way in REFUSED, f"{way} is refused: {error}"
            continue
        if way in REFUSED and at_the_border:
            # Black at the border of the picture: nothing tells any more that the object is what is black.
            continue
        off = np.count_nonzero(pixels ^ mask)
        assert abs(int(pixels.sum()) - int(mask.sum())) <= 0.03 * mask.sum(), f"{way}: another area"
        assert off <= 0.1 * mask.sum(), f"{way}: another place"


def test_what_white_means_does_not_depend_on_the_mode() -> None:
    mask = random_object(np.random.default_rng(1), 160, 120)
    for way in WAYS:
        if way not in REFUSED and way not in ("L 0/128",):
            assert read_way(way, mask)[1] == 1, way


@pytest.mark.parametrize("way", sorted(REFUSED))
def test_a_refusal_names_the_way_out(way: str) -> None:
    mask = random_object(np.random.default_rng(2), 160, 120)
    with pytest.raises(PromptError, match=REFUSED[way]):
        read_way(way, mask)


def disc(colour: int, size: tuple[int, int] = (160, 120)) -> np.ndarray:
    canvas = np.zeros(size[::-1], np.uint8)
    cv2.circle(canvas, (50, 60), 20, colour, -1)
    return canvas


def save(path: Path, array: np.ndarray) -> Path:
    Image.fromarray(array).save(path)
    return path


def ids_in(path: Path) -> dict[int, int]:
    return {mask.object_id: int(mask.pixels.sum()) for mask in read_masks(path)}


def test_void_is_void_in_every_mode(tmp_path: Path) -> None:
    labels = disc(255)
    cv2.rectangle(labels, (90, 30), (130, 90), 255, -1)
    cv2.circle(labels, (50, 60), 17, 1, -1)
    cv2.rectangle(labels, (93, 33), (127, 87), 2, -1)
    palette = Image.fromarray(labels).convert("P")
    palette.putpalette(DAVIS_PALETTE.tobytes())
    palette.save(tmp_path / "p.png")
    expected = {1: int((labels == 1).sum()), 2: int((labels == 2).sum())}
    assert ids_in(tmp_path / "p.png") == expected
    assert ids_in(save(tmp_path / "l.png", labels)) == expected
    assert ids_in(save(tmp_path / "rgb.png", DAVIS_PALETTE[labels])) == expected
    assert ids_in(save(tmp_path / "grey_rgb.png", np.repeat(labels[..., None], 3, axis=2))) == expected


def test_an_object_of_a_16_bit_index_map_keeps_its_id(tmp_path: Path) -> None:
    labels = disc(0).astype(np.uint16)
    labels[10:40, 10:40], labels[60:90, 60:90] = 300, 301
    assert list(ids_in(save(tmp_path / "two.png", labels))) == [300, 301]
    labels[labels == 301] = 0
    assert list(ids_in(save(tmp_path / "one.png", labels))) == [300]


def test_ids_that_a_filter_has_mixed_are_refused(tmp_path: Path) -> None:
    labels = disc(3)
    cv2.rectangle(labels, (90, 30), (130, 90), 6, -1)
    mixed = cv2.resize(labels, (320, 240), interpolation=cv2.INTER_LINEAR)
    assert len(np.unique(mixed)) > 4
    with pytest.raises(PromptError, match="resize index pictures with nearest neighbour"):
        read_masks(save(tmp_path / "m.png", mixed))
    one = cv2.resize(disc(3), (320, 240), interpolation=cv2.INTER_LINEAR)
    found = ids_in(save(tmp_path / "one.png", one))
    assert list(found) == [3]
    assert abs(found[3] - 4 * int((disc(3) > 0).sum())) < 0.03 * found[3]


def test_white_beside_another_grey_is_refused_when_it_may_be_an_object(tmp_path: Path) -> None:
    labels = disc(127)
    cv2.rectangle(labels, (90, 30), (130, 90), 255, -1)
    with pytest.raises(PromptError, match="white could be an object or, as in DAVIS, void"):
        read_masks(save(tmp_path / "m.png", labels))


def test_many_ids_with_hard_borders_are_an_index_map(tmp_path: Path) -> None:
    blocks = np.arange(1, 121, dtype=np.uint8).reshape(10, 12)
    labels = np.kron(np.random.default_rng(0).permuted(blocks), np.ones((9, 9), np.uint8))
    labels[:4] = 0
    assert len(read_masks(save(tmp_path / "m.png", labels))) == 120


def test_thin_objects_of_an_index_map_are_kept(tmp_path: Path) -> None:
    labels = disc(1)
    cv2.line(labels, (60, 60), (150, 20), 2, 1)
    assert list(ids_in(save(tmp_path / "m.png", labels))) == [1, 2]


def test_what_a_picture_was_taken_for_is_told(tmp_path: Path) -> None:
    notes: list[str] = []
    soft = cv2.GaussianBlur(disc(255), (0, 0), 1)
    path = save(tmp_path / "soft.png", soft)
    read_masks(path, on_note=notes.append)
    assert notes == [f"{path}: 1 object, {int((soft > 127).sum()):,} pixels, soft border, cut at half"]


@pytest.mark.parametrize("colours", [[(128, 0, 0), (0, 128, 0)], [(255, 0, 0), (0, 0, 255)]])
@pytest.mark.parametrize("touching", [False, True])
@pytest.mark.parametrize("filtering", ["resized twice", "resized four times", "blurred"])
def test_soft_borders_of_several_colours_make_no_objects(
    tmp_path: Path, colours: list[tuple[int, int, int]], touching: bool, filtering: str
) -> None:
    labels = np.zeros((240, 320), np.uint8)
    cv2.circle(labels, (100, 120), 50, 1, -1)
    cv2.rectangle(labels, (120 if touching else 190, 60), (280, 190), 2, -1)
    picture = np.array([(0, 0, 0), *colours], np.uint8)[labels]
    if filtering == "blurred":
        soft = cv2.GaussianBlur(picture, (0, 0), 1)
    else:
        factor = 2 if filtering == "resized twice" else 4
        small = cv2.resize(picture, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_NEAREST)
        soft = cv2.resize(small, (320, 240), interpolation=cv2.INTER_LINEAR)
    found = {mask.object_id: mask.pixels for mask in read_masks(save(tmp_path / "m.png", soft))}
    assert sorted(found) == [1, 2]
    for object_id, pixels in found.items():
        assert (pixels ^ (labels == object_id)).sum() < 0.08 * (labels == object_id).sum()


def test_a_thin_object_beside_another_is_no_soft_border(tmp_path: Path) -> None:
    # Colour 8 of the palette is half of colour 1.
    labels = disc(1)
    cv2.line(labels, (72, 60), (80, 64), 8, 2)
    assert list(ids_in(save(tmp_path / "m.png", DAVIS_PALETTE[labels]))) == [1, 8]


def in_davis_palette(path: Path, labels: np.ndarray) -> Path:
    image = Image.fromarray(labels).convert("P")
    image.putpalette(DAVIS_PALETTE.tobytes())
    image.save(path)
    return path


def enlarged(labels: np.ndarray) -> np.ndarray:
    return cv2.resize(labels, None, fx=4, fy=4, interpolation=cv2.INTER_LINEAR)


def two_objects(first: int, second: int) -> np.ndarray:
    labels = disc(first)
    cv2.rectangle(labels, (90, 30), (130, 90), second, -1)
    return labels


@pytest.mark.parametrize("ids", [(1, 2), (3, 6), (5, 9), (2, 20)])
@pytest.mark.parametrize("save_as", [save, in_davis_palette])
def test_ids_mixed_by_a_resize_are_refused_in_every_mode(
    tmp_path: Path, ids: tuple[int, int], save_as: Callable[[Path, np.ndarray], Path]
) -> None:
    hard = save_as(tmp_path / "hard.png", two_objects(*ids))
    assert sorted(ids_in(hard)) == sorted(ids)
    with pytest.raises(PromptError, match="resize index pictures with nearest neighbour"):
        read_masks(save_as(tmp_path / "mixed.png", enlarged(two_objects(*ids))))


@pytest.mark.parametrize("object_id", [1, 5, 255])
def test_one_object_in_a_palette_is_cut_at_half_after_a_resize(tmp_path: Path, object_id: int) -> None:
    found = ids_in(in_davis_palette(tmp_path / "m.png", enlarged(disc(object_id))))
    area = 16 * int((disc(1) > 0).sum())
    assert list(found) == [1 if object_id == 255 else object_id]
    assert abs(next(iter(found.values())) - area) < 0.03 * area


@pytest.mark.parametrize("save_as", [save, in_davis_palette])
@pytest.mark.parametrize("spoil", [enlarged, lambda labels: cv2.GaussianBlur(labels, (0, 0), 1)])
def test_a_void_border_mixed_into_its_object_is_refused(
    tmp_path: Path, save_as: Callable[[Path, np.ndarray], Path], spoil: Callable[[np.ndarray], np.ndarray]
) -> None:
    labels = disc(1)
    cv2.circle(labels, (50, 60), 20, 255, 3)
    assert list(ids_in(save_as(tmp_path / "hard.png", labels))) == [1]
    with pytest.raises(PromptError, match="nearest neighbour"):
        read_masks(save_as(tmp_path / "spoilt.png", spoil(labels)))


def test_a_palette_with_the_object_as_entry_0_is_refused(tmp_path: Path) -> None:
    image = Image.fromarray((disc(1) == 0).astype(np.uint8)).convert("P")
    image.putpalette([255, 0, 0, 255, 255, 255] + [0] * 750)
    image.save(tmp_path / "m.png")
    with pytest.raises(PromptError, match="is entry 0 the object here"):
        read_masks(tmp_path / "m.png")


@pytest.mark.parametrize("kind", ["png", "tif", "jpg"])
def test_a_mask_is_turned_upright_as_its_frame_is(tmp_path: Path, kind: str) -> None:
    tag = Image.Exif()
    tag[0x0112] = 6
    path = tmp_path / f"m.{kind}"
    Image.fromarray(np.ascontiguousarray(np.rot90(disc(255)))).save(path, exif=tag)
    (mask,) = read_masks(path)
    assert mask.size == (160, 120)
    assert (mask.pixels ^ (disc(255) > 0)).sum() < 20


@pytest.mark.parametrize("kind", ["png", "tif", "webp"])
def test_a_file_of_several_pictures_is_no_mask(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"m.{kind}"
    pictures = [Image.fromarray(np.dstack([disc(value)] * 3)) for value in (255, 1)]
    pictures[0].save(path, save_all=True, append_images=pictures[1:])
    with pytest.raises(PromptError, match="holds 2 pictures"):
        read_masks(path)


def test_a_trimap_keeps_parts_that_are_thinner_than_its_band(tmp_path: Path) -> None:
    stick = disc(255, (320, 120))
    cv2.line(stick, (50, 60), (300, 40), 255, 5)
    unknown = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
    trimap = np.where(cv2.erode(stick, unknown) > 0, 255, np.where(cv2.dilate(stick, unknown) > 0, 128, 0))
    (mask,) = read_masks(save(tmp_path / "m.png", trimap.astype(np.uint8)))
    far = np.s_[:, 90:]
    assert (mask.pixels ^ (stick > 0))[far].sum() < 0.1 * (stick > 0)[far].sum()
