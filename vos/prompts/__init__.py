"""Prompts, by which users mark objects: masks, strokes, points, boxes, polygons, referring images and text."""

from vos.prompts.arguments import box_from_argument, points_from_arguments, polygon_from_argument
from vos.prompts.base import DIRECTIONS, MAX_OBJECT_ID, Direction, Prompt, VisualPrompt, object_ids_of
from vos.prompts.box import Box
from vos.prompts.checks import check_duplicates, check_positive, check_prompts, require_frame
from vos.prompts.davis_scribbles import DavisScribbles, read_davis_scribbles
from vos.prompts.files import read_masks, read_painted_strokes, read_strokes
from vos.prompts.mask import Mask
from vos.prompts.points import Points
from vos.prompts.polygon import Polygon
from vos.prompts.prompt_script import PromptScript, Removal
from vos.prompts.reference import ReferenceImage
from vos.prompts.script_json import read_prompt_script, write_prompt_script
from vos.prompts.stroke import Stroke
from vos.prompts.text import Text

__all__ = [
    "DIRECTIONS",
    "MAX_OBJECT_ID",
    "Box",
    "DavisScribbles",
    "Direction",
    "Mask",
    "Points",
    "Polygon",
    "Prompt",
    "PromptScript",
    "ReferenceImage",
    "Removal",
    "Stroke",
    "Text",
    "VisualPrompt",
    "box_from_argument",
    "check_duplicates",
    "check_positive",
    "check_prompts",
    "object_ids_of",
    "points_from_arguments",
    "polygon_from_argument",
    "read_davis_scribbles",
    "read_masks",
    "read_painted_strokes",
    "read_prompt_script",
    "read_strokes",
    "require_frame",
    "write_prompt_script",
]
