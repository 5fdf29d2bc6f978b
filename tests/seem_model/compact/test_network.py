"""The compact network: what memory, prompts and objects may and may not change."""

from __future__ import annotations

import pytest
import torch

from seem_model.aggregation import aggregate
from seem_model.compact.memory import FrameMemory
from seem_model.compact.model import CompactSEEM
from seem_model.compact.pyramid import (
    group_stride4,
    group_stride8,
    ungroup_stride4,
    ungroup_stride8,
)
from seem_model.video_model import PromptKind

HEIGHT, WIDTH = 96, 128
GRID = (HEIGHT // 4, WIDTH // 4)


@pytest.fixture(scope="module")
def network() -> CompactSEEM:
    torch.manual_seed(0)
    network = CompactSEEM().eval()
    # Output heads start at zero; give them something to say.
    for layer in (network.decoder.local_embedding, network.decoder.mask_embedding[2]):
        torch.nn.init.normal_(layer.weight, std=0.05)
    return network


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.randint(0, 256, (2, 3, HEIGHT, WIDTH), generator=torch.Generator().manual_seed(1)).to(torch.uint8)


def box_masks(*boxes: tuple[int, int, int, int]) -> torch.Tensor:
    masks = torch.zeros(1, len(boxes), *GRID)
    for number, (top, left, bottom, right) in enumerate(boxes):
        masks[0, number, top:bottom, left:right] = 1
    return masks


def decode(network: CompactSEEM, image: torch.Tensor, memory: list[FrameMemory], masks: torch.Tensor) -> torch.Tensor:
    features = network.encode_image(image)
    return network.decode(features, memory, network.encode_reference(features, masks), masks).mask_logits


@torch.inference_mode()
def test_a_batch_of_videos_gives_what_each_video_gives_alone(network: CompactSEEM, images: torch.Tensor) -> None:
    masks = torch.cat([box_masks((4, 4, 12, 16)), box_masks((8, 10, 20, 24))])
    features = network.encode_image(images)
    memory = [network.encode_memory(features, masks, pinned=True)]
    together = network.decode(features, memory, network.encode_reference(features, masks), masks).mask_logits
    for video in range(2):
        alone_features = network.encode_image(images[video : video + 1])
        alone_memory = [network.encode_memory(alone_features, masks[video : video + 1], pinned=True)]
        alone = decode(network, images[video : video + 1], alone_memory, masks[video : video + 1])
        torch.testing.assert_close(together[video : video + 1], alone, rtol=1e-3, atol=1e-3)


@torch.inference_mode()
def test_a_frame_that_is_its_own_memory_reads_back_its_mask(network: CompactSEEM, images: torch.Tensor) -> None:
    masks = box_masks((4, 4, 16, 20))
    features = network.encode_image(images[:1])
    # Sharp keys: every cell is most similar to itself.
    sharp = features.__class__(
        mask_features=features.mask_features,
        mid=features.mid,
        context=features.context,
        key=features.key * 8,
        stride8_key=features.stride8_key * 8,
        stride4_key=features.stride4_key * 8,
    )
    read = network.reader(sharp, [network.encode_memory(sharp, masks, pinned=True)])
    expected = torch.nn.functional.avg_pool2d(masks, 2)
    assert (read.stride8_mask - expected).abs().mean() < 0.02
    assert (read.mask - torch.nn.functional.avg_pool2d(masks, 4)).abs().mean() < 0.02
    assert (read.stride4_mask - masks).abs().mean() < 0.02


@torch.inference_mode()
def test_annotated_frames_are_read_apart_from_what_the_model_made_of_later_ones(
    network: CompactSEEM, images: torch.Tensor
) -> None:
    masks = box_masks((4, 4, 12, 16), (10, 18, 20, 30))
    first, second = network.encode_image(images[:1]), network.encode_image(images[1:])
    pinned = network.encode_memory(first, masks, pinned=True)
    drifted = network.encode_memory(second, 1 - masks, pinned=False)
    alone, both = network.reader(second, [pinned]), network.reader(second, [pinned, drifted])
    assert (alone.pinned_share == 1).all()
    torch.testing.assert_close(alone.pinned_mask, alone.mask)
    torch.testing.assert_close(alone.pinned_stride8_mask, alone.stride8_mask)
    torch.testing.assert_close(both.pinned_mask, alone.mask)
    torch.testing.assert_close(both.pinned_stride8_mask, alone.stride8_mask)
    assert (both.mask - alone.mask).abs().max() > 0.1
    assert 0 < both.pinned_share.mean() < 1


@torch.inference_mode()
def test_an_untrusted_frame_is_as_if_it_had_never_been_remembered(network: CompactSEEM, images: torch.Tensor) -> None:
    masks = box_masks((4, 4, 12, 16), (10, 18, 20, 30))
    first, second = network.encode_image(images[:1]), network.encode_image(images[1:])
    pinned = network.encode_memory(first, masks, pinned=True)
    distrusted = network.encode_memory(second, masks.flip(3), pinned=False, valid=torch.tensor([[0.0, 1.0]]))
    with_it = network.reader(second, [pinned, distrusted])
    without = network.reader(second, [pinned])
    torch.testing.assert_close(with_it.value[:, 0], without.value[:, 0], rtol=1e-3, atol=1e-3)
    assert (with_it.value[:, 1] - without.value[:, 1]).abs().max() > 1e-2


@torch.inference_mode()
def test_selecting_objects_keeps_them_and_a_new_one_reads_nothing(network: CompactSEEM, images: torch.Tensor) -> None:
    masks = box_masks((4, 4, 12, 16), (10, 18, 20, 30))
    memory = network.encode_memory(network.encode_image(images[:1]), masks, pinned=True)
    swapped = memory.select([1, None, 0])
    torch.testing.assert_close(swapped.value[:, 0], memory.value[:, 1])
    torch.testing.assert_close(swapped.mask[:, 2], memory.mask[:, 0])
    assert swapped.valid.tolist() == [[1.0, 0.0, 1.0]]
    assert swapped.stride8_mask[:, 1].abs().sum() == 0


@torch.inference_mode()
@pytest.mark.parametrize("kind", list(PromptKind))
def test_every_prompt_kind_gives_finite_masks_for_several_objects(
    network: CompactSEEM, images: torch.Tensor, kind: PromptKind
) -> None:
    positive = box_masks((4, 4, 12, 16), (10, 18, 20, 30))
    features = network.encode_image(images[:1])
    kinds = torch.full((1, 2), int(kind))
    passes = network.segment_prompt(features, positive, torch.zeros_like(positive), kinds)
    assert len(passes) == 2
    for decoded in passes:
        assert decoded.mask_logits.shape == (1, 2, *GRID)
        assert torch.isfinite(decoded.mask_logits).all()


@torch.inference_mode()
def test_an_empty_mask_and_a_full_mask_are_survived(network: CompactSEEM, images: torch.Tensor) -> None:
    features = network.encode_image(images[:1])
    for fill in (0.0, 1.0):
        masks = torch.full((1, 1, *GRID), fill)
        memory = [network.encode_memory(features, masks, pinned=True)]
        decoded = network.decode(features, memory, network.encode_reference(features, masks), masks)
        assert torch.isfinite(decoded.mask_logits).all()
        assert torch.isfinite(decoded.presence_logits).all()


def test_gradients_reach_every_part_of_the_network(images: torch.Tensor) -> None:
    torch.manual_seed(0)
    network = CompactSEEM()
    torch.nn.init.normal_(network.decoder.local_embedding.weight, std=0.05)
    torch.nn.init.normal_(network.decoder.mask_embedding[2].weight, std=0.05)
    masks = box_masks((4, 4, 12, 16))
    features = network.encode_image(images[:1])
    prompted = network.segment_prompt(features, masks, torch.zeros_like(masks), torch.zeros(1, 1, dtype=torch.long))
    memory = [network.encode_memory(features, masks, pinned=True), network.encode_memory(features, masks, pinned=False)]
    decoded = network.decode(features, memory, network.encode_reference(features, masks), masks)
    total = decoded.mask_logits.square().sum() + decoded.presence_logits.sum() + prompted[-1].mask_logits.square().sum()
    total.backward()
    silent = [name for name, p in network.named_parameters() if p.grad is None or not torch.isfinite(p.grad).all()]
    assert silent == []


def test_children_are_grouped_and_ungrouped_without_loss() -> None:
    x = torch.arange(2 * 1 * 6 * 8, dtype=torch.float32).view(2, 1, 6, 8)
    grouped = group_stride8(x)
    assert grouped.shape == (2, 12, 4, 1)
    torch.testing.assert_close(ungroup_stride8(grouped.squeeze(3)[:, None], (3, 4)), x)


def test_grandchildren_are_the_children_of_the_children() -> None:
    x = torch.arange(2 * 1 * 8 * 12, dtype=torch.float32).view(2, 1, 8, 12)
    grouped = group_stride4(x)
    assert grouped.shape == (2, 6, 4, 4, 1)
    torch.testing.assert_close(ungroup_stride4(grouped.squeeze(4)[:, None], (2, 3)), x)
    means = torch.nn.functional.avg_pool2d(x, 2)
    torch.testing.assert_close(grouped.mean(3), group_stride8(means))


def test_aggregated_probabilities_sum_to_one_and_keep_the_winner() -> None:
    probabilities = torch.rand(1, 3, 5, 7, generator=torch.Generator().manual_seed(3))
    joint = aggregate(probabilities)
    torch.testing.assert_close(joint.sum(1), torch.ones(1, 5, 7))
    assert (joint[:, 1:].argmax(1) == probabilities.argmax(1)).all()
    # One object alone against the background: more likely than not means it wins.
    single = aggregate(torch.tensor([0.49, 0.51]).view(1, 1, 1, 2))
    assert single.argmax(1).flatten().tolist() == [0, 1]
