"""A run as run.json records it, checked and in the types that running it again takes."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from vos.errors import OutputError, PromptError
from vos.files.json_node import JsonNode, json_errors_as
from vos.prompts import MAX_OBJECT_ID, Prompt, PromptScript, Removal
from vos.prompts.digest import prompts_digest
from vos.prompts.script_json import read_names, read_prompt_entry
from vos.runs.folder import OutputFolder
from vos.runs.journal import read_journal
from vos.runs.record import read_record
from vos.runs.record_schema import MAX_WHOLE, max_threads
from vos.tracking.absence import AbsencePolicy, OnAbsent
from vos.tracking.cleaning import CLEAN_LEVELS, MAX_GROWTH, MAX_STEADY, CleanPolicy
from vos.tracking.load_model import EngineName
from vos.tracking.memory_bank import MemoryPolicy
from vos.tracking.schedule import plan_of
from vos.tracking.windows import WindowPolicy

_ON_ABSENT: dict[str, OnAbsent] = {"empty": "empty", "hold": "hold", "stop": "stop"}
_ENGINES: dict[str, EngineName] = {"torch": "torch", "onnxruntime": "onnxruntime"}
# As `inputs.reference_name` gives them.
_REFERENCE = re.compile(r"reference_[0-9a-f]{16}\.png")
_DAMAGED = " (the record is damaged or was edited)"


@dataclass(frozen=True, slots=True)
class RecordedFrame:
    """Presentation time in the source's time base, and `mask_crc` of the label map."""

    pts: int
    checksum: str


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """What a run was made from, and its masks' checksums.

    Attributes:
        path: The record.
        members: All of it.
        video: As the user named it then.
        fingerprint: Size and SHA-256 of its bytes; empty if it could be read only once.
        source_options: Keyword arguments of `open_source`.
        script: Prompts with their content, removals and names.
        model, weights_sha256, short_side, engine, device, threads: The network, what computed it and where.
        memory: Which frames were remembered.
        absence: What happened to objects out of view.
        clean: How its masks were cleaned.
        frames: One per mask that was written.
    """

    path: Path
    members: dict[str, Any]
    video: str
    fingerprint: dict[str, Any]
    source_options: dict[str, Any]
    script: PromptScript
    model: str
    weights_sha256: str
    short_side: int
    engine: EngineName
    device: str
    threads: int
    memory: MemoryPolicy
    windows: WindowPolicy
    absence: AbsencePolicy
    clean: CleanPolicy
    frames: tuple[RecordedFrame, ...]


def read_recorded_run(path: Path) -> RecordedRun:
    """Reads run.json.

    Args:
        path: The file, or the folder that it is in.

    Raises:
        OutputError: It is missing, damaged, edited or of another schema; the message names the place in it.
    """
    folder = OutputFolder(path if path.is_dir() else path.parent)
    if not path.is_dir() and path.name != folder.record.name:
        raise OutputError(f"{path}: not a run record; give the run.json of a run, or its folder")
    members = read_record(folder)
    root = JsonNode(members, folder.record)
    with json_errors_as(OutputError, remark=_DAMAGED):
        return _parse(folder, root)


def recorded_place(video: str, root: Path) -> str:
    """Where the video that a run.json names is, whatever the current folder.

    A relative path is seen from the folder in which the command was run. That is most often the current one, or one of
    those above the run; whether it is the same video there is for the caller to check.

    Args:
        video: As recorded.
        root: The folder of the run.
    """
    if not video or Path(video).is_absolute() or Path(video).exists():
        return video
    above = (parent / video for parent in root.absolute().parents)
    return str(next((path for path in above if path.exists()), video))


def recorded_source_options(folder: OutputFolder, members: dict[str, Any]) -> dict[str, Any]:
    """The recorded source options in the types that `open_source` takes. Raises OutputError for a damaged record."""
    with json_errors_as(OutputError, remark=_DAMAGED):
        return _source_options(JsonNode(members, folder.record))


# How the bytes of standard input were cut into frames: they cannot be read again, and no file needs it.
_OF_RAW_INPUT = ("size", "pixel_format")


def _source_options(root: JsonNode) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for name, node in root.get("options").get("source").members():
        if name in _OF_RAW_INPUT:
            continue
        text = node.text()
        if name == "stream" and not text.isdecimal():
            node.fail("expected the number of a stream")
        options[name] = int(text) if name == "stream" else text
    return options


def _parse(folder: OutputFolder, root: JsonNode) -> RecordedRun:
    if root.has("approximate"):
        raise OutputError(f"{root.file}: the video was tracked in windows, by `vos batch`; such a run has no replay")
    options, model = root.get("options"), root.get("model")
    on_absent = _ON_ABSENT.get(options.get("on_absent").text())
    if on_absent is None:
        options.get("on_absent").fail(f"expected one of {', '.join(_ON_ABSENT)}")
    stop_after = (
        options.get("stop_after").integer(1, MAX_WHOLE) if options.has("stop_after") else AbsencePolicy().stop_after
    )
    return RecordedRun(
        path=folder.record,
        members=root.value,
        video=root.get("input").get("video").text(),
        fingerprint={name: node.value for name, node in root.get("input").members() if name != "video"},
        source_options=_source_options(root),
        script=_script(root),
        model=model.get("name").text(),
        weights_sha256=model.get("weights_sha256").text(),
        short_side=options.get("short_side").integer(1, MAX_WHOLE),
        engine=_engine(model),
        device=model.get("device").text(),
        threads=model.get("threads").integer(1, max_threads()),
        memory=MemoryPolicy(
            interval=options.get("memory_interval").integer(1, MAX_WHOLE),
            recent_frames=options.get("memory_recent_frames").integer(0, MAX_WHOLE),
            min_overlap=options.get("memory_min_overlap").number(),
            min_presence=options.get("memory_min_presence").number(),
            min_agreement=options.get("memory_min_agreement").number(),
            pinned_frames=options.get("memory_pinned_frames").integer(1, MAX_WHOLE),
        ),
        windows=_windows(options),
        absence=AbsencePolicy(options.get("absent_below").number(), on_absent, stop_after),
        clean=_clean(options),
        frames=_frames(folder, root),
    )


def _windows(options: JsonNode) -> WindowPolicy:
    given = {field.name: options.get(f"windows_{field.name}") for field in fields(WindowPolicy)}
    if not isinstance(given["follow"].value, bool):
        given["follow"].fail("expected true or false")
    return WindowPolicy(
        follow=given["follow"].value,
        max_views=given["max_views"].integer(1, MAX_WHOLE),
        **{name: node.number() for name, node in given.items() if name not in ("follow", "max_views")},
    )


def _clean(options: JsonNode) -> CleanPolicy:
    if not options.has("clean_level"):
        return CleanPolicy("off")  # a record of a version that did not clean
    text = options.get("clean_level").text()
    level = next((level for level in CLEAN_LEVELS if level == text), None)
    if level is None:
        options.get("clean_level").fail(f"expected one of {', '.join(CLEAN_LEVELS)}")
    return CleanPolicy(
        level,
        options.get("clean_min_area").integer(0, MAX_WHOLE),
        options.get("clean_grow").integer(-MAX_GROWTH, MAX_GROWTH),
        options.get("clean_steady").integer(0, MAX_STEADY),
    )


def _script(root: JsonNode) -> PromptScript:
    try:
        script = PromptScript(
            tuple(_prompt(node) for node in root.get("prompts").items()),
            # Records of early versions have no removals.
            tuple(_removal(node) for node in root.get("removals").items()) if root.has("removals") else (),
            read_names(root),
        )
    except PromptError as error:  # the entries are read by the reader of prompt scripts
        raise OutputError(f"{error}{_DAMAGED}") from error
    try:
        plan_of(script)
    except PromptError as error:  # entries that contradict each other
        raise OutputError(f"{root.file}: {error}{_DAMAGED}") from error
    return script


def _engine(model: JsonNode) -> EngineName:
    """What computed a run; before there was a choice, PyTorch."""
    if not model.has("engine"):
        return "torch"
    engine = _ENGINES.get(model.get("engine").text())
    if engine is None:
        model.get("engine").fail(f"expected one of {', '.join(_ENGINES)}")
    return engine


def _prompt(node: JsonNode) -> Prompt:
    content = node.get("content")
    # A script may name pictures anywhere; a record has its own beside it, and masks inside.
    if content.has("reference") and _REFERENCE.fullmatch(content.get("reference").get("image").text()) is None:
        content.get("reference").get("image").fail("is not a picture that a run keeps beside its run.json")
    if content.has("mask") and content.get("mask").has("png"):
        content.get("mask").get("png").fail("a run keeps the pixels of masks, and no file")
    prompt = read_prompt_entry(content)
    if prompts_digest([prompt]) != node.get("sha256").text():
        node.get("content").fail("does not have the sha256 beside it")
    return replace(prompt, source=node.get("source").text())


def _removal(node: JsonNode) -> Removal:
    return Removal(
        node.get("object").integer(1, MAX_OBJECT_ID),
        node.get("frame").integer(0, MAX_WHOLE),
        f"{node.file}: {node.path}",
    )


def _frames(folder: OutputFolder, root: JsonNode) -> tuple[RecordedFrame, ...]:
    """From run.json; for a run that was killed, which had no time to sum up, from its journal."""
    if root.get("status").value == "running":
        entries = read_journal(folder.journal).entries if folder.journal.exists() else ()
        return tuple(RecordedFrame(entry.pts, entry.crc32) for entry in entries)
    times, checksums = root.get("pts").value, root.get("mask_crc32").value  # checked by `read_record`
    if not len(times) == len(checksums) == root.get("frames").value:
        root.fail(f"counts {root.get('frames').value} frames, {len(times)} pts and {len(checksums)} mask_crc32")
    return tuple(RecordedFrame(*pair) for pair in zip(times, checksums, strict=True))
