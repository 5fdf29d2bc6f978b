"""All that a user has marked in a video: prompts on any frames, objects that end, and names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from vos.prompts.base import Prompt, object_ids_of
from vos.prompts.points import Points


@dataclass(frozen=True, slots=True)
class Removal:
    """From `frame` on, the object is no longer tracked; a later prompt brings it back.

    Attributes:
        source: Where it was read from; only used in messages.
    """

    object_id: int
    frame: int
    source: str = field(default="", compare=False)

    @property
    def where(self) -> str:
        """How messages name this removal."""
        prefix = f"{self.source}: " if self.source else ""
        return f"{prefix}removal of object {self.object_id} on frame {self.frame}"


@dataclass(frozen=True, slots=True)
class PromptScript:
    """Any number of prompts on any frames.

    Attributes:
        prompts: One of each kind per object and frame. Their order does not matter for tracking.
        removals: Objects that end before the video does.
        names: Names that the user gave to objects.

    Examples:
        >>> from vos import Box, Points, PromptScript
        >>> script = PromptScript((Box(120, 80, 360, 400),), names={1: "rabbit"})
        >>> script = script.merge([Points([[200, 240]], frame=4)])
        >>> script.save("clip.json")
        >>> print(PromptScript.load("clip.json").prompts[1].where)
        clip.json: $.prompts[1]: points of object 1
    """

    prompts: tuple[Prompt, ...] = ()
    removals: tuple[Removal, ...] = ()
    names: Mapping[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, prompts: PromptScript | Iterable[Prompt]) -> PromptScript:
        """A script of bare prompts; a script stays as it is."""
        return prompts if isinstance(prompts, PromptScript) else cls(tuple(prompts))

    @classmethod
    def load(cls, path: str | Path) -> PromptScript:
        """Reads a script or a DAVIS scribble file; see `read_prompt_script`."""
        from vos.prompts.script_json import read_prompt_script

        return read_prompt_script(path)

    def save(self, path: str | Path) -> None:
        """Writes a script that `load` reads back equal; see `write_prompt_script`."""
        from vos.prompts.script_json import write_prompt_script

        write_prompt_script(path, self)

    @property
    def object_ids(self) -> tuple[int, ...]:
        """Objects that are prompted anywhere, ascending."""
        return object_ids_of(self.prompts)

    def merge(self, later: PromptScript | Iterable[Prompt]) -> PromptScript:
        """This script merged with a later one. Neither is changed.

        Points that are added to points of the same object and frame are joined with them (clicks add up); of every
        other kind a later prompt takes the place of the earlier one. The later direction holds for all prompts of
        that object on that frame. A later prompt on a frame also undoes an earlier removal there, and a later
        removal the prompts there.
        """
        later = PromptScript.of(later)
        removed = {(removal.object_id, removal.frame) for removal in later.removals}
        directions = {(prompt.object_id, prompt.frame): prompt.direction for prompt in later.prompts}
        merged: dict[tuple[int, int, str], Prompt] = {}
        for prompt in self.prompts:
            place = (prompt.object_id, prompt.frame)
            if place not in removed:
                merged[*place, prompt.kind] = replace(prompt, direction=directions.get(place, prompt.direction))
        for prompt in later.prompts:
            key = (prompt.object_id, prompt.frame, prompt.kind)
            earlier = merged.get(key)
            both_points = isinstance(earlier, Points) and isinstance(prompt, Points) and earlier.size == prompt.size
            merged[key] = _joined(earlier, prompt) if both_points else prompt  # type: ignore[arg-type]
        kept = [removal for removal in self.removals if (removal.object_id, removal.frame) not in directions]
        removals = tuple(dict.fromkeys([*kept, *later.removals]))
        return PromptScript(tuple(merged.values()), removals, {**self.names, **later.names})


def _joined(earlier: Points, later: Points) -> Points:
    """Both sets of clicks, each click once; a click that changed its sign counts as it was given last."""
    again = {(x, y) for x, y, _ in later.clicks}
    clicks = [click for click in earlier.clicks if click[:2] not in again]
    joined = later.with_clicks([*clicks, *later.clicks])
    return replace(joined, candidate=later.candidate or earlier.candidate)
