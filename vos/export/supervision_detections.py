"""`supervision.Detections` of a frame: what annotators, metrics and sinks of the package supervision take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from vos.errors import UsageError
from vos.export.context import ExportContext
from vos.results import FrameResult

if TYPE_CHECKING:
    import supervision


def to_supervision(result: FrameResult, names: Mapping[int, str] | None = None) -> supervision.Detections:
    """The objects that have pixels in a frame.

    Args:
        result: One frame, N of whose objects have pixels.
        names: Names of objects, by id.

    Returns:
        Detections with `xyxy` (N, 4) as `supervision.mask_to_xyxy` gives it, `mask` (N, H, W) bool, `confidence` (N,)
        the presence in [0, 1], `class_id` (N,) from 0 for unnamed objects and then name by name, `tracker_id` (N,) the
        object ids, and `data["class_name"]`. Empty where no object has a pixel.

    Raises:
        UsageError: supervision is not installed.

    Examples:
        >>> from vos import Box, to_supervision, track_video
        >>> for result in track_video("clip.mp4", [Box(120, 80, 360, 400)]):
        ...     detections = to_supervision(result, {1: "ellipse"})
        >>> detections.tracker_id.tolist(), detections.data["class_name"].tolist()
        ([1], ['ellipse'])
    """
    try:
        import supervision
    except ImportError as error:
        raise UsageError("supervision is not installed; pip install 'seem-vos[formats]'") from error
    context = ExportContext(names=dict(names or {}))
    shown = [
        (object_id, presence, mask)
        for object_id, presence in zip(result.object_ids, result.presence, strict=True)
        if (mask := result.mask_of(object_id)).any()
    ]
    if not shown:
        return supervision.Detections.empty()
    masks = np.stack([mask for _, _, mask in shown])
    return supervision.Detections(
        xyxy=supervision.mask_to_xyxy(masks),
        mask=masks,
        confidence=np.array([presence for _, presence, _ in shown], np.float32),
        class_id=np.array([context.category_of(object_id) - 1 for object_id, _, _ in shown], int),
        tracker_id=np.array([object_id for object_id, _, _ in shown], int),
        data={"class_name": np.array([context.name_of(object_id) for object_id, _, _ in shown])},
    )
