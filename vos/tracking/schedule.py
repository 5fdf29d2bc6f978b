"""What a prompt script means for tracking: one forward pass with events, and backward passes from annotated frames.

The forward pass goes over all frames in order. An object is known from its first annotated frame on, until it is
removed. A prompt with direction `backward` or `both` starts a pass of its own that goes back from its frame, and fills
the frames down to the object's annotation (or removal) before, or to the start of the video. What a `backward` prompt
says is not told to the forward pass: frames after it stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vos.errors import PromptError
from vos.prompts.base import Prompt
from vos.prompts.checks import check_duplicates, check_positive
from vos.prompts.prompt_script import PromptScript


@dataclass(frozen=True, slots=True)
class BackwardPass:
    """Tracking in reverse order from one annotated frame.

    Attributes:
        frame: Where it starts.
        prompts: Prompts of that frame with direction `backward` or `both`.
        ends: Per object the lowest frame that it fills; above `frame` where there is nothing to fill.
        own_frame: Objects whose mask on `frame` itself comes from this pass: those with direction `backward`.
    """

    frame: int
    prompts: tuple[Prompt, ...]
    ends: Mapping[int, int]
    own_frame: frozenset[int]

    @property
    def last(self) -> int:
        """The lowest frame that the pass reaches."""
        return min(self.ends.values())

    def objects_at(self, index: int) -> tuple[int, ...]:
        """Whose masks on frame `index` are those of this pass."""
        if index == self.frame:
            return tuple(sorted(self.own_frame))
        return tuple(sorted(i for i, end in self.ends.items() if end <= index < self.frame))


@dataclass(frozen=True, slots=True)
class TrackingPlan:
    """A script by frames.

    Attributes:
        prompts: What the forward pass is told on a frame, in order of object and kind.
        removals: Objects that it forgets before a frame.
        backward: Passes from the highest frame to the lowest: where two give an object's pixels, the later one wins.
    """

    prompts: Mapping[int, tuple[Prompt, ...]]
    removals: Mapping[int, tuple[int, ...]]
    backward: tuple[BackwardPass, ...]

    @property
    def last_event(self) -> int:
        """The highest frame that something is said about."""
        return max([0, *self.prompts, *self.removals, *(back.frame for back in self.backward)])


def plan_of(script: PromptScript) -> TrackingPlan:
    """Sorts a script by frames.

    Raises:
        PromptError: There is no prompt, or prompts and removals contradict each other.
    """
    if not script.prompts:
        raise PromptError("no prompt: mark at least one object (mask, stroke, box, point, polygon...)")
    check_duplicates(script.prompts)
    check_positive(script.prompts)
    ordered = sorted(script.prompts, key=lambda prompt: (prompt.frame, prompt.object_id, prompt.kind))
    _check_directions(ordered)
    forward: dict[int, tuple[Prompt, ...]] = {}
    back: dict[int, tuple[Prompt, ...]] = {}
    for prompt in ordered:
        if prompt.direction != "backward":
            forward[prompt.frame] = (*forward.get(prompt.frame, ()), prompt)
        if prompt.direction != "forward":
            back[prompt.frame] = (*back.get(prompt.frame, ()), prompt)
    removals: dict[int, tuple[int, ...]] = {}
    for removal in sorted(script.removals, key=lambda removal: (removal.frame, removal.object_id)):
        removals[removal.frame] = (*removals.get(removal.frame, ()), removal.object_id)
    _check_removals(script, forward)
    passes = (_backward_pass(script, frame, prompts) for frame, prompts in sorted(back.items(), reverse=True))
    return TrackingPlan(forward, removals, tuple(one for one in passes if one is not None))


def _backward_pass(script: PromptScript, frame: int, prompts: tuple[Prompt, ...]) -> BackwardPass | None:
    own_frame = frozenset(prompt.object_id for prompt in prompts if prompt.direction == "backward")
    ends: dict[int, int] = {}
    for object_id in {prompt.object_id for prompt in prompts}:
        said = [prompt.frame for prompt in script.prompts if prompt.object_id == object_id]
        said += [removal.frame for removal in script.removals if removal.object_id == object_id]
        end = max((other for other in said if other < frame), default=-1) + 1
        if end < frame or object_id in own_frame:
            ends[object_id] = end
    if not ends:
        return None
    return BackwardPass(frame, tuple(prompt for prompt in prompts if prompt.object_id in ends), ends, own_frame)


def _check_directions(ordered: list[Prompt]) -> None:
    first: dict[tuple[int, int], Prompt] = {}
    for prompt in ordered:
        other = first.setdefault((prompt.object_id, prompt.frame), prompt)
        if other.direction != prompt.direction:
            raise PromptError(
                f"{prompt.where} on frame {prompt.frame} has direction {prompt.direction}, its {other.kind} there has "
                f"{other.direction}: give all prompts of an object on one frame the same direction"
            )


def _check_removals(script: PromptScript, forward: Mapping[int, tuple[Prompt, ...]]) -> None:
    """An object can be removed where it is tracked, and not on a frame that it is prompted on."""
    prompted = {(prompt.object_id, prompt.frame) for prompt in script.prompts}
    starts = {(prompt.object_id, frame) for frame, prompts in forward.items() for prompt in prompts}
    seen: set[tuple[int, int]] = set()
    for removal in script.removals:
        place = (removal.object_id, removal.frame)
        if place in seen:
            raise PromptError(f"{removal.where} is given twice")
        if place in prompted:
            raise PromptError(f"{removal.where}: the object is prompted on that frame too; leave one of the two out")
        seen.add(place)
    for removal in script.removals:
        before = [(frame, True) for i, frame in starts if i == removal.object_id and frame < removal.frame]
        before += [(frame, False) for i, frame in seen if i == removal.object_id and frame < removal.frame]
        if not before or not max(before)[1]:
            raise PromptError(
                f"{removal.where}: the object is not tracked there; remove it after a frame that it is prompted on"
            )
