"""`vos segment`: one picture, any prompt, with the released SEEM models."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vos.cli.prompt_kinds import PROMPT_KINDS, PromptPlace, add_prompts, read_prompts
from vos.errors import OutputError, UsageError

if TYPE_CHECKING:
    import numpy as np

    from seem_model.image_mode import Answer, EncodedPicture, ImageSegmenter
    from seem_model.language.vocabulary import Vocabulary
    from seem_model.store import LoadedSeem
    from vos.prompts import Prompt, VisualPrompt

_FILE = click.Path(dir_okay=False, path_type=Path)
OUTPUT_NAMES = ("labels.png", "overlay.png", "segments.json")


def _kind_option(kind: str, variable: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A kind of prompt that needs no other words here than for a video."""
    found = PROMPT_KINDS[kind]
    return click.option(f"--{kind}", variable, multiple=True, metavar=found.metavar, help=found.help)


@click.command()
@click.argument("image", type=_FILE)
@click.option("--stroke", "strokes", type=_FILE, multiple=True, metavar="PNG|JSON", help="Strokes over the picture.")
@click.option("--mask", "masks", type=_FILE, multiple=True, metavar="PNG", help="Rough masks of objects.")
@_kind_option("box", "boxes")
@_kind_option("point", "points")
@_kind_option("negative-point", "negative_points")
@_kind_option("polygon", "polygons")
@click.option("--text", "texts", multiple=True, metavar="WORDS", help="The object in words; once per object.")
@click.option("--reference", type=_FILE, metavar="IMAGE", help="A picture that shows the object.")
@click.option(
    "--reference-mask", type=_FILE, metavar="PNG|JSON", help="Strokes or masks that mark the object on --reference."
)
@click.option("--panoptic", is_flag=True, help="Everything in the picture, without a prompt.")
@click.option("--labels/--no-labels", default=True, show_default=True, help="Name the class of every mask.")
@click.option(
    "--classes",
    metavar="NAME,NAME...|FILE",
    help="Label with these words instead of COCO's classes; a file holds one per line.",
)
@click.option("--model", default="seem-focalt-v1", show_default=True, help="A SEEM model; see `vos weights list`.")
@click.option("--weights", type=_FILE, help="A weights file, instead of the one that `vos weights pull` stored.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps: where to compute.")
@click.option(
    "--short-side", type=click.IntRange(32, 2048), default=512, show_default=True, help="Resolution the model sees."
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Folder for the results.  [default: NAME_segments]"
)
@click.option("--overwrite", is_flag=True, help="Replace what an earlier run wrote to the output folder.")
@click.option("--json", "as_json", is_flag=True, help="The segments as JSON on stdout.")
def segment(
    image: Path,
    strokes: tuple[Path, ...],
    masks: tuple[Path, ...],
    boxes: tuple[str, ...],
    points: tuple[str, ...],
    negative_points: tuple[str, ...],
    polygons: tuple[str, ...],
    texts: tuple[str, ...],
    reference: Path | None,
    reference_mask: Path | None,
    panoptic: bool,
    labels: bool,
    classes: str | None,
    model: str,
    weights: Path | None,
    device: str,
    short_side: int,
    output: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Masks of one picture: from prompts on it, from words, from another picture, or of everything.

    Writes labels.png (index PNG), overlay.png and segments.json. Objects with drawn prompts keep their numbers;
    words and reference objects are numbered after them.

    \b
    vos segment photo.jpg --point 320,200
    vos segment photo.jpg --text "the black dog" --text sofa
    vos segment photo.jpg --reference other.jpg --reference-mask other_stroke.png
    vos segment photo.jpg --panoptic
    """
    from vos.prompts import check_positive
    from vos.prompts.image_file import read_rgb

    drawn = _read_drawn(
        {
            "stroke": strokes,
            "mask": masks,
            "box": boxes,
            "point": points,
            "negative-point": negative_points,
            "polygon": polygons,
        },
        image,
    )
    check_positive(drawn)
    if (reference is None) != (reference_mask is None):
        raise UsageError("--reference and --reference-mask go together: a picture, and what is meant on it")
    prompted = bool(drawn or texts or reference)
    if panoptic == prompted:
        raise UsageError(
            "--panoptic segments everything and takes no prompt"
            if panoptic
            else "no prompt: say what to segment with --stroke, --mask, --box, --point, --polygon, --text, "
            "--reference, or everything with --panoptic"
        )
    if classes is not None and not labels:
        raise UsageError("--classes names labels, and --no-labels wants none; leave one of them out")
    if panoptic and not labels:
        raise UsageError("--panoptic needs class names; leave --no-labels out")
    folder = output or Path(f"{image.stem}_segments")
    if not overwrite and any((folder / name).exists() for name in OUTPUT_NAMES):
        raise OutputError(f"{folder}: holds results of an earlier run; choose another --output or pass --overwrite")
    rgb = read_rgb(image)
    height, width = rgb.shape[:2]
    for prompt in drawn:
        prompt.check(width, height)

    from seem_model.language.vocabulary import COCO, read_vocabulary
    from seem_model.store import load_seem
    from vos.resources.allocator import keep_freed_memory
    from vos.tracking.load_model import choose_device

    keep_freed_memory()
    vocabulary = COCO if classes is None else read_vocabulary(classes)
    if any(not text.strip() for text in texts):
        raise UsageError("--text is empty; write what to segment")
    loaded = load_seem(model, weights=weights, with_text=bool(texts) or labels)
    loaded.model.to(choose_device(device))
    segmenter = _segmenter(loaded, vocabulary if labels else None, short_side=short_side)
    picture = segmenter.encode(rgb)
    if panoptic:
        index_map, segments = _panoptic(segmenter, picture, vocabulary)
    else:
        found = _drawn_answers(segmenter, picture, drawn, width, height)
        if texts:
            from seem_model.language.tokenizer import installed_tokenizer

            answers = segmenter.from_texts(picture, installed_tokenizer()(texts))
            found += [(_next_id(found) + i, text, a) for i, (text, a) in enumerate(zip(texts, answers, strict=True))]
        if reference is not None and reference_mask is not None:
            found += _reference_answers(segmenter, picture, reference, reference_mask, _next_id(found))
        index_map, segments = _merge(found, vocabulary, (height, width))
    _write(folder, rgb, index_map, {"image": image.name, "model": loaded.name, "segments": segments}, as_json=as_json)


def _read_drawn(values: Mapping[str, Sequence[object]], image: Path) -> list[VisualPrompt]:
    """Prompts on a picture, from the values of each kind. Strokes may be painted over a copy of it."""
    from vos.prompts import VisualPrompt
    from vos.prompts.image_file import read_rgb

    place = PromptPlace(over=lambda: read_rgb(image))
    prompts: list[Prompt] = []
    for kind, texts in values.items():
        for text in texts:
            add_prompts(prompts, read_prompts(kind, str(text), place))
    return [prompt for prompt in prompts if isinstance(prompt, VisualPrompt)]


def _tell_of_encoding(done: int, total: int) -> None:
    """One line that grows while class names are encoded, on a terminal; one line once elsewhere."""
    if sys.stderr.isatty():
        click.echo(f"\rencoding class names, once for these weights: {done} of {total}", nl=done == total, err=True)
    elif done == 1:
        click.echo(f"encoding {total} class names; they are kept for the next time", err=True)


def _segmenter(loaded: LoadedSeem, vocabulary: Vocabulary | None, *, short_side: int) -> ImageSegmenter:
    from seem_model.image_mode import ImageSegmenter

    classes = None
    if vocabulary is not None:
        from seem_model.language.tokenizer import installed_tokenizer
        from seem_model.language.vocabulary import cached_class_embeddings
        from seem_model.store import embeddings_folder

        classes = cached_class_embeddings(
            loaded.model.language,
            installed_tokenizer(),
            vocabulary.names,
            weights_sha256=loaded.weights_sha256,
            folder=embeddings_folder(),
            progress=_tell_of_encoding,
        )
    return ImageSegmenter(loaded.model, classes=classes, short_side=short_side)


_Found = tuple[int, str, "Answer"]


def _next_id(found: list[_Found]) -> int:
    return max((object_id for object_id, _, _ in found), default=0) + 1


def _drawn_answers(
    segmenter: ImageSegmenter, picture: EncodedPicture, drawn: list[VisualPrompt], width: int, height: int
) -> list[_Found]:
    """Answers to the prompts drawn on the picture, one per object."""
    import numpy as np

    from vos.prompts import Points

    by_object: dict[int, list[VisualPrompt]] = {}
    for prompt in sorted(drawn, key=lambda prompt: prompt.object_id):
        by_object.setdefault(prompt.object_id, []).append(prompt)
    if not by_object:
        return []
    positive, negative = [], []
    for own in by_object.values():
        positive.append(np.logical_or.reduce([prompt.rasterise(width, height) for prompt in own]))
        minus = [prompt.rasterise_negative(width, height) for prompt in own if isinstance(prompt, Points)]
        negative.append(np.logical_or.reduce([np.zeros((height, width), bool), *minus]))
    answers = segmenter.from_masks(picture, positive, negative)
    return [
        (object_id, " and ".join(sorted({prompt.kind for prompt in own})), answer)
        for (object_id, own), answer in zip(by_object.items(), answers, strict=True)
    ]


def _reference_answers(
    segmenter: ImageSegmenter, picture: EncodedPicture, image: Path, mask: Path, first_id: int
) -> list[_Found]:
    """Answers to what is marked on another picture."""
    from vos.prompts.image_file import read_rgb

    rgb = read_rgb(image)
    marks = _read_drawn({"stroke": [mask]}, image)
    for prompt in marks:
        prompt.check(rgb.shape[1], rgb.shape[0])
    maps = [prompt.rasterise(rgb.shape[1], rgb.shape[0]) for prompt in marks]
    answers = segmenter.from_reference(picture, segmenter.encode(rgb), maps)
    return [(first_id + i, f"reference {image.name}", answer) for i, answer in enumerate(answers)]


def _merge(
    found: list[_Found], vocabulary: Vocabulary, size: tuple[int, int]
) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """One index map: where masks overlap the smaller one is on top."""
    import numpy as np

    index_map = np.zeros(size, np.uint16)
    for object_id, _, answer in sorted(found, key=lambda item: int(item[2].mask.sum()), reverse=True):
        index_map[answer.mask] = object_id
    segments = []
    for object_id, prompt, answer in found:
        entry = {"id": object_id, "prompt": prompt, "score": round(answer.score, 4), "area": int(answer.mask.sum())}
        if answer.class_logits is not None:
            # The last column is "background": the best of the named classes is what helps a reader.
            entry["label"] = vocabulary.names[int(answer.class_logits[:-1].argmax())]
        segments.append(entry)
    return index_map, segments


def _panoptic(
    segmenter: ImageSegmenter, picture: EncodedPicture, vocabulary: Vocabulary
) -> tuple[np.ndarray, list[dict[str, Any]]]:
    ids, found = segmenter.panoptic(picture, num_things=vocabulary.num_things)
    segments = [
        {
            "id": segment.id,
            "label": vocabulary.names[segment.class_index],
            "is_thing": segment.is_thing,
            "score": round(segment.score, 4),
            "area": int((ids == segment.id).sum()),
        }
        for segment in found
    ]
    return ids, segments


def _write(folder: Path, rgb: np.ndarray, index_map: np.ndarray, report: dict[str, Any], *, as_json: bool) -> None:
    from PIL import Image

    from vos.files.atomic import replacing, write_bytes
    from vos.files.index_png import write_palette_png
    from vos.files.palette import paint_overlay

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be created ({error.strerror})") from None
    labels, overlay, listing = (folder / name for name in OUTPUT_NAMES)
    write_palette_png(labels, index_map)
    with replacing(overlay) as temporary:
        Image.fromarray(paint_overlay(rgb, index_map)).save(temporary, format="PNG")
    text = json.dumps(report, indent=1, ensure_ascii=False)
    write_bytes(listing, text.encode())
    if as_json:
        click.echo(text)
        return
    for entry in report["segments"]:
        name = entry.get("label", entry.get("prompt", ""))
        click.echo(f"{entry['id']:>4}  {name}  {entry['area']} pixels, score {entry['score']}")
    click.echo(f"see {overlay}")
