"""Training on short clips as on long videos: rollouts, and damage to remembered masks."""

from __future__ import annotations

import pytest
import torch

from pipelines.training.clip_pass import track
from pipelines.training.rollout import damaged, draw_rollout_plan
from seem_model.compact.model import CompactSEEM

FRAMES = 4


def test_a_plan_is_the_same_however_the_clips_are_divided() -> None:
    whole = draw_rollout_plan(7, 6, FRAMES, 0.5)
    first, second = whole.parts(2)
    assert torch.equal(torch.cat([first.damage_seeds, second.damage_seeds], 1), whole.damage_seeds)
    assert torch.equal(whole.of(slice(3, 6)).start_from_prompt, second.start_from_prompt)
    masks = torch.rand(6, 2, 24, 24, generator=torch.Generator().manual_seed(0))
    together = damaged(masks, whole.damage_seeds[1])
    apart = torch.cat([damaged(masks[:3], first.damage_seeds[1]), damaged(masks[3:], second.damage_seeds[1])])
    assert torch.equal(together, apart)


def test_without_rollouts_nothing_is_damaged_and_everything_remembered() -> None:
    plans = [draw_rollout_plan(seed, 4, FRAMES, 0.0) for seed in range(20)]
    assert all(plan.rollout == () and plan.recent_frames == FRAMES for plan in plans)
    assert all((plan.damage_seeds == -1).all() for plan in plans)


def test_rollouts_go_back_and_forth_over_the_frames_after_the_first() -> None:
    rollouts = {draw_rollout_plan(seed, 4, FRAMES, 1.0).rollout for seed in range(60)}
    assert rollouts == {(1,), (1, 2), (1, 2, 3), (1, 2, 3, 2), (1, 2, 3, 2, 1)}
    assert {draw_rollout_plan(seed, 4, 2, 1.0).rollout for seed in range(60)} <= {(1,) * n for n in range(1, 6)}


def test_damage_keeps_masks_masks_and_spares_the_clips_without_a_seed() -> None:
    masks = torch.zeros(3, 2, 56, 56)
    masks[:, 0, 10:40, 12:30] = 1
    masks[:, 1, 5:50, 44:46] = 1  # two cells wide
    changed = 0
    for seed in range(40):
        result = damaged(masks, torch.tensor([seed, -1, seed + 100]))
        assert torch.equal(result[1], masks[1])
        assert result.min() >= 0 and result.max() <= 1
        changed += int(not torch.equal(result[0], masks[0]))
    assert changed > 30


@pytest.mark.parametrize("rollout", [(), (1, 2)])
def test_after_a_rollout_a_clip_starts_from_the_models_own_memory(rollout: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    model = CompactSEEM().eval()
    # An object that the untrained network sees is remembered.
    torch.nn.init.constant_(model.decoder.presence[2].bias, 5.0)
    picture = torch.randint(0, 256, (3, 64, 64), generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    images = torch.stack([picture.roll(8 * t, 2) for t in range(3)])
    first = torch.zeros(1, 1, 16, 16)
    first[..., 4:12, 4:12] = 1
    frames = [model.encode_image(image[None]) for image in images]
    plan = draw_rollout_plan(0, 1, 3, 0.0)
    plan = type(plan)(plan.start_from_prompt, rollout, 1, plan.damage_seeds, plan.mark_seeds)
    found, plain = ([answer for answer, _, _ in track(model, frames, first, own)] for own in (plan, None))
    assert len(found) == 2
    assert torch.equal(found[0].propagated, plain[0].propagated) is (rollout == ())
    assert all(decoded.mask_logits.requires_grad for decoded in found)
