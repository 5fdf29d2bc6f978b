"""Who shares a view: near objects look through one window, far ones through their own.

A view costs an encoding of the picture; sharing one costs resolution. Objects are joined while none of them gets much
smaller by it, and, where there are more views than may be, the pair that loses least.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from vos.tracking.view import View
from vos.tracking.windows import Frame, Window, WindowPolicy

# Objects that shared a view stay together a little longer than strangers come together.
_TOGETHER = 1.25
# Pairs are compared with each other: with more windows than this all objects share one view.
_MAX_COMPARED = 24


@dataclass(frozen=True, slots=True)
class SharedView:
    """A view and the objects that are looked for in it, ascending."""

    view: View
    object_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Group:
    object_ids: tuple[int, ...]
    view: View
    # The largest magnification that one of its objects would have alone.
    finest: float


def share_views(
    windows: Mapping[int, Window], frame: Frame, policy: WindowPolicy, together: Sequence[tuple[int, ...]] = ()
) -> list[SharedView]:
    """Views for the windows of all objects.

    Args:
        windows: Where each object is to be looked for.
        frame: Sizes.
        policy: When to share.
        together: Objects that shared a view in the frame before.

    Returns:
        At most `policy.max_views` views, by their lowest object.
    """
    groups: list[_Group] = []
    for object_id, window in sorted(windows.items()):
        view = frame.view(window)
        same = next((i for i, group in enumerate(groups) if group.view == view), None)
        if same is None:
            groups.append(_Group((object_id,), view, view.magnification))
        else:
            groups[same] = _Group((*groups[same].object_ids, object_id), view, view.magnification)
    if len(groups) > max(policy.max_views, _MAX_COMPARED):
        return [SharedView(frame.view(frame.everything), tuple(sorted(windows)))]
    teams = [frozenset(team) for team in together]
    while len(groups) > 1 and (policy.share_limit >= 1 or len(groups) > policy.max_views):
        loss, first, second = min(
            (_loss(a, b, frame, teams), i, j) for (i, a), (j, b) in combinations(enumerate(groups), 2)
        )
        if loss > policy.share_limit and len(groups) <= policy.max_views:
            break
        joined = _join(groups[first], groups[second], frame)
        groups = [group for i, group in enumerate(groups) if i not in (first, second)] + [joined]
    return sorted((SharedView(g.view, tuple(sorted(g.object_ids))) for g in groups), key=lambda s: s.object_ids)


def _join(a: _Group, b: _Group, frame: Frame) -> _Group:
    left, top = min(a.view.x, b.view.x), min(a.view.y, b.view.y)
    right = max(a.view.x + a.view.width, b.view.x + b.view.width)
    bottom = max(a.view.y + a.view.height, b.view.y + b.view.height)
    size = min(frame.sizes, key=lambda own: frame.zoom_for(bottom - top, right - left, own))
    zoom = frame.zoom_for(bottom - top, right - left, size)
    view = frame.view(Window((left + right) / 2, (top + bottom) / 2, zoom, *size))
    return _Group(a.object_ids + b.object_ids, view, max(a.finest, b.finest))


def _loss(a: _Group, b: _Group, frame: Frame, teams: Sequence[frozenset[int]]) -> float:
    """By what factor the object that loses most gets smaller in the common view."""
    joined = _join(a, b, frame)
    loss = joined.finest / joined.view.magnification
    if any(team.issuperset(joined.object_ids) for team in teams):
        loss /= _TOGETHER
    return loss
