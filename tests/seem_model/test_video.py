"""The official models on video: the released numbers, for many objects at once, from marks or words."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seem_model.configs import config_named
from seem_model.decoder.output import unit
from seem_model.errors import ModelInputError
from seem_model.plain import plain_decode
from seem_model.pseudo_weights import pseudo_model
from seem_model.seem import Seem
from seem_model.video import ObjectState, SeemVideoModel, VideoPrompt

HEIGHT, WIDTH = 64, 96


@pytest.fixture(scope="module")
def model() -> Seem:
    return pseudo_model(config_named("focalt_unicl_lang_v1"))


@pytest.fixture(scope="module")
def video(model: Seem) -> SeemVideoModel:
    return SeemVideoModel(model, short_side=HEIGHT)


def picture(seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 12, 3), dtype=np.uint8)
    return coarse.repeat(8, axis=0).repeat(8, axis=1)


def box(top: int, left: int, height: int, width: int) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[top : top + height, left : left + width] = True
    return mask


# One mask is larger than the 512 points that are sampled, one is a stroke one pixel wide.
MASKS = (box(8, 8, 40, 30), box(20, 60, 1, 25), box(40, 70, 12, 12))


@pytest.fixture(scope="module")
def states(video: SeemVideoModel) -> list[ObjectState]:
    reference = video.encode_image(picture(0))
    return [ObjectState(video.encode_prompt(reference, [VideoPrompt(mask)])) for mask in MASKS]


def test_a_frame_gives_the_masks_of_the_released_way_of_computing(model, video, states) -> None:
    features = video.encode_image(picture(1))
    generator = torch.Generator().manual_seed(0)
    classes = unit(torch.randn(134, 512, generator=generator))
    decoded = video.decode(features, states[:1])
    plain = plain_decode(model.decoder, features.encoded.pixels, states[0].tokens.points, classes)
    spread = float(plain.selected.std())
    torch.testing.assert_close(decoded.memory[0], plain.selected, rtol=1e-3, atol=1e-3 * spread)
    assert decoded.mask_logits.shape == (1, HEIGHT, WIDTH)


def test_objects_decoded_together_equal_objects_decoded_alone(video, states) -> None:
    features = video.encode_image(picture(1))
    together = video.decode(features, states)
    for index, state in enumerate(states):
        alone = video.decode(features, [state])
        spread = float(alone.memory.std())
        torch.testing.assert_close(together.memory[index], alone.memory[0], rtol=1e-3, atol=1e-3 * spread)
        torch.testing.assert_close(together.presence[index], alone.presence[0], rtol=1e-3, atol=1e-4)


def test_memory_prompts_read_the_previous_mask_of_their_own_object_only(model) -> None:
    video = SeemVideoModel(model, behaviour="v0", short_side=HEIGHT)
    reference = video.encode_image(picture(0))
    tokens = [video.encode_prompt(reference, [VideoPrompt(mask)]) for mask in MASKS[:2]]
    features = video.encode_image(picture(1))
    quarter = torch.full((HEIGHT // 4, WIDTH // 4), -5.0)
    quarter[2:8, 3:9] = 5.0
    without = video.decode(features, [ObjectState(t) for t in tokens])
    first = video.decode(features, [ObjectState(tokens[0], quarter), ObjectState(tokens[1])])
    assert not torch.allclose(first.memory[0], without.memory[0], rtol=1e-3)
    torch.testing.assert_close(first.memory[1], without.memory[1], rtol=1e-3, atol=1e-3)


def test_the_released_demo_has_no_memory(video, states) -> None:
    features = video.encode_image(picture(1))
    previous = torch.full((HEIGHT // 4, WIDTH // 4), 5.0)
    remembered = video.decode(features, [ObjectState(states[0].tokens, previous)])
    assert torch.equal(remembered.memory, video.decode(features, states[:1]).memory)


def test_masks_come_back_at_the_size_of_the_frame(video) -> None:
    tall = np.ascontiguousarray(picture(2).transpose(1, 0, 2)[:, :50])
    features = video.encode_image(tall)
    mask = np.zeros(tall.shape[:2], dtype=bool)
    mask[3:20, 5:30] = True
    decoded = video.decode(features, [ObjectState(video.encode_prompt(features, [VideoPrompt(mask)]))])
    assert decoded.mask_logits.shape == (1, *tall.shape[:2])
    assert 0 <= float(decoded.presence[0]) <= 1


def test_a_picture_of_one_pixel_is_segmented(model) -> None:
    video = SeemVideoModel(model, short_side=32)
    features = video.encode_image(np.zeros((1, 1, 3), dtype=np.uint8))
    state = ObjectState(video.encode_prompt(features, [VideoPrompt(np.ones((1, 1), dtype=bool))]))
    assert bool(torch.isfinite(video.decode(features, [state]).mask_logits).all())


@pytest.mark.parametrize(
    ("prompts", "message"),
    [
        ([], "needs a mask, a stroke or a text"),
        ([VideoPrompt(np.zeros((HEIGHT, WIDTH), dtype=bool))], "is empty"),
        ([VideoPrompt(np.ones((5, 5), dtype=bool))], "must have the frame's size"),
        ([VideoPrompt(text="a cat")], "without its text encoder"),
    ],
)
def test_prompts_that_say_nothing_are_refused(video, prompts, message) -> None:
    features = video.encode_image(picture(0))
    with pytest.raises(ModelInputError, match=message):
        video.encode_prompt(features, prompts)


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((0, 4, 3), np.uint8)]
)
def test_pictures_of_another_form_are_refused(video, image) -> None:
    with pytest.raises(ModelInputError, match="uint8 RGB"):
        video.encode_image(image)
