"""Prompts on single pictures: what users give, at the size they give it; mistakes are named."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from seem_model.configs import SamViTConfig
from seem_model.decoder.inputs import DecoderInputs
from seem_model.decoder.sampling import EvenDraws, fair_quotas
from seem_model.errors import ModelInputError
from seem_model.image_mode import ImageSegmenter
from seem_model.seem import Seem
from tests.seem_model.tiny import disc, noise, picture, tiny_config, tiny_model

SIZE = (90, 121)


def segmenter(behaviour: str = "v1") -> ImageSegmenter:
    return ImageSegmenter(tiny_model(behaviour), short_side=64)


@pytest.mark.parametrize("behaviour", ["demo", "v0", "v1"])
def test_every_prompt_has_an_answer_at_the_size_of_the_picture(behaviour: str) -> None:
    tool = segmenter(behaviour)
    encoded = tool.encode(picture(*SIZE))
    masks = [disc(*SIZE, 0.35, 0.3), disc(*SIZE, 0.6, 0.7)]
    answers = tool.from_masks(encoded, masks)
    assert [answer.mask.shape for answer in answers] == [SIZE, SIZE]
    assert all(answer.mask.dtype == bool and answer.class_logits is None for answer in answers)
    again = tool.from_masks(encoded, masks)
    assert all(np.array_equal(a.mask, b.mask) for a, b in zip(answers, again, strict=True))


def test_objects_of_one_call_do_not_change_each_other() -> None:
    tool = segmenter("v0")
    encoded = tool.encode(picture(*SIZE))
    first, second = disc(*SIZE, 0.35, 0.3), disc(*SIZE, 0.6, 0.7, radius=0.05)
    together = tool.from_masks(encoded, [first, second])
    apart = [tool.from_masks(encoded, [mask])[0] for mask in (first, second)]
    for one, other in zip(together, apart, strict=True):
        assert one.query == other.query
        assert one.score == pytest.approx(other.score, rel=1e-3)
        assert (one.mask != other.mask).mean() < 1e-3


def test_a_thin_stroke_survives_a_strong_reduction() -> None:
    tool = segmenter()
    size = (1000, 1500)
    stroke = np.zeros(size, bool)
    stroke[500, 300:320] = True
    (answer,) = tool.from_masks(tool.encode(picture(*size)), [stroke])
    assert answer.mask.shape == size


@pytest.mark.parametrize("size", [(1, 1), (3, 200)])
def test_a_picture_with_nothing_to_segment_is_refused(size: tuple[int, int]) -> None:
    grey = np.full((*size, 3), 90, np.uint8)
    message = f"{size[1]}x{size[0]} pixels is too small"
    with pytest.raises(ModelInputError, match=message):
        segmenter().encode(grey)
    with pytest.raises(ModelInputError, match=message):
        tiny_model("v1").encode_image(grey)


def test_a_thin_stroke_survives_when_the_picture_is_enlarged() -> None:
    tool = segmenter("v1")
    encoded = tool.encode(picture(60, 84))
    dots = np.zeros((12, 60, 84), bool)
    dots[range(12), range(5, 53, 4), 10] = True
    assert len(tool.from_masks(encoded, list(dots))) == 12


def test_a_reference_may_have_another_size() -> None:
    tool = segmenter()
    reference = tool.encode(picture(70, 100))
    (answer,) = tool.from_reference(tool.encode(picture(*SIZE)), reference, [disc(70, 100, 0.35, 0.3)])
    assert answer.mask.shape == SIZE


def test_an_empty_prompt_is_refused() -> None:
    tool = segmenter()
    with pytest.raises(ModelInputError, match="prompt 2 is empty"):
        tool.from_masks(tool.encode(picture(*SIZE)), [disc(*SIZE, 0.5, 0.5), np.zeros(SIZE, bool)])


def test_a_prompt_of_another_size_is_refused() -> None:
    tool = segmenter()
    with pytest.raises(ModelInputError, match="prompt 1 is 5x4, its picture 121x90"):
        tool.from_masks(tool.encode(picture(*SIZE)), [np.ones((4, 5), bool)])


@pytest.mark.parametrize("image", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)])
def test_what_is_no_picture_is_refused(image: np.ndarray) -> None:
    with pytest.raises(ModelInputError, match="uint8 RGB"):
        segmenter().encode(image)


def test_a_picture_that_would_become_enormous_is_refused() -> None:
    with pytest.raises(ModelInputError, match="crop it"):
        segmenter().encode(np.zeros((4, 4000, 3), np.uint8))


def test_panoptic_segmentation_without_classes_is_refused() -> None:
    tool = segmenter()
    with pytest.raises(ModelInputError, match="class embeddings"):
        tool.panoptic(tool.encode(picture(*SIZE)), num_things=80)


def test_text_on_a_model_without_text_encoder_is_refused() -> None:
    with pytest.raises(ModelInputError, match="without its text encoder"):
        _ = tiny_model("v1").language


def test_a_prompt_that_a_behaviour_has_no_place_for_is_refused() -> None:
    model = tiny_model("v0")
    image = model.encode_image(picture())
    prompts = model.decoder.sample_points(image.pixels, image.pad_mask(torch.ones(1, 80, 112, dtype=torch.bool)))
    with pytest.raises(ModelInputError, match="has no tokens visual"):
        model.decoder(image.pixels, DecoderInputs(visual=prompts))


def test_the_fixed_size_of_sam_is_respected() -> None:
    with torch.device("meta"):
        sam = Seem(
            type(tiny_config("v1"))(
                name="sam",
                backbone=SamViTConfig(32, 2, 2, (1,)),
                pixel_decoder="deformable",
                table=tiny_config("v1").table,
                size_divisibility=1024,
                fixed_size=1024,
            ),
            with_text=False,
        )
    tool = ImageSegmenter(sam, short_side=512)
    assert tool.input_size(480, 854) == (512, 910)
    assert max(tool.input_size(100, 900)) <= 1024


def _spread(points: Tensor) -> float:
    return float(points.float().std(0).mean())


def test_points_are_drawn_evenly_and_always_the_same() -> None:
    grid = torch.cartesian_prod(torch.arange(60), torch.arange(60))
    owners = torch.zeros(len(grid), dtype=torch.int64)
    drawn = EvenDraws().points(grid, owners, 512)
    assert torch.equal(drawn, EvenDraws().points(grid, owners, 512))
    assert len(drawn.unique()) == 512
    assert _spread(grid[drawn]) == pytest.approx(_spread(grid), rel=0.02)
    quadrants = (grid[drawn] // 30) @ torch.tensor([2, 1])
    assert quadrants.bincount().tolist() == pytest.approx([128] * 4, abs=4)


def test_small_objects_keep_their_points_beside_large_ones() -> None:
    owners = torch.tensor([0] * 5000 + [1] * 20)
    drawn = EvenDraws().points(
        torch.randint(0, 500, (5020, 2), generator=torch.Generator().manual_seed(0)), owners, 512
    )
    assert (owners[drawn] == 1).sum() == 20
    assert len(drawn) == 512
    assert fair_quotas([10, 500, 500], 300) == [10, 145, 145]


def test_noise_in_the_class_matrix_labels_masks() -> None:
    classes = torch.nn.functional.normalize(noise("classes", 134, 512), dim=1)
    tool = ImageSegmenter(tiny_model("v1", with_text=True), classes=classes, short_side=64)
    (answer,) = tool.from_masks(tool.encode(picture(*SIZE)), [disc(*SIZE, 0.35, 0.3)])
    assert answer.class_logits is not None
    assert answer.class_logits.shape == (134,)
