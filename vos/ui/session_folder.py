"""A session on disk: a run's folder with the prompt script beside the masks, so that the command line can go on.

`prompts.json` is what `vos track --script` reads; `session.json` says which video it is about, and colours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from vos.errors import OutputError
from vos.files.gate import check_own_files, read_own_file
from vos.files.json_node import JsonNode, json_errors_as, parse_json
from vos.prompts import PromptScript, read_prompt_script, write_prompt_script
from vos.runs.folder import OutputFolder, write_json
from vos.runs.inputs import fingerprint
from vos.runs.record import read_record
from vos.runs.recorded import read_recorded_run
from vos.ui.document import Document, new_document, read_colours
from vos.video.images import list_images

SCRIPT_FILE = "prompts.json"
SESSION_FILE = "session.json"
# A colour for every object that there can be has a tenth of it.
_MAX_BYTES = 16 << 20
_VERSION = 1
_VERSION_KEY = "vos_session"


@dataclass(frozen=True, slots=True)
class _SessionFile:
    """What session.json says: the video, and the colours of objects."""

    video: str
    colours: dict[int, str]


def is_session(path: Path) -> bool:
    """Whether a folder holds a session or a run, rather than images."""
    return (path / SESSION_FILE).is_file() or OutputFolder(path).is_started()


def video_of(folder: OutputFolder) -> Path:
    """The video that a session or a run is about.

    Raises:
        OutputError: It is not there any more, or the folder does not say.
    """
    state = _read_session(folder)
    name = state.video if state else read_record(folder)["input"]["video"]
    video = Path(name)
    if not video.exists():
        raise OutputError(
            f"{folder.root}: its video {video} is missing; put it back, or give its new location: "
            f"vos ui VIDEO --output {folder.root}"
        )
    return video


def load_document(folder: OutputFolder, video: Path) -> Document:
    """The document of a video in a folder; a new one where there is none.

    Raises:
        OutputError: The folder holds something else, or the run of another video.
        PromptError: The script in it cannot be read.
    """
    state = _read_session(folder)
    if folder.is_started():
        _check_same_video(folder, video)
    elif state is None:
        folder.check(overwrite=False)
        return new_document()
    colours = state.colours if state else {}
    script_file = folder.root / SCRIPT_FILE
    if script_file.is_file():
        script = read_prompt_script(script_file)
    elif folder.is_started() and state is None:
        script = _script_of_run(folder)
    else:
        return replace(new_document(), colours=colours)
    names = {i: script.names.get(i) or f"Object {i}" for i in {*script.names, *script.object_ids}}
    return Document(replace(script, names=names), colours)


def save_document(folder: OutputFolder, video: Path, document: Document) -> None:
    """Writes the script and the session. Raises OutputError when that is not possible."""
    folder.create()
    script_file = folder.root / SCRIPT_FILE
    if document.script.prompts:
        write_prompt_script(script_file, document.script)
    else:
        script_file.unlink(missing_ok=True)
    write_json(
        folder.root / SESSION_FILE,
        {
            _VERSION_KEY: _VERSION,
            "video": str(video.resolve()),
            "colours": {str(object_id): colour for object_id, colour in sorted(document.colours.items())},
        },
    )


def _read_session(folder: OutputFolder) -> _SessionFile | None:
    path = folder.root / SESSION_FILE
    check_own_files(folder.root, (SESSION_FILE, SCRIPT_FILE), OutputError)
    try:
        data = read_own_file(path, OutputError, most=_MAX_BYTES)
    except FileNotFoundError:
        return None
    with json_errors_as(OutputError, remark="; delete it to start over"):
        root = JsonNode(parse_json(data, path), path)
        if root.get(_VERSION_KEY).value != _VERSION:
            raise OutputError(f"{path}: a session of another version of seem-vos")
        return _SessionFile(root.get("video").text(), read_colours(root.get("colours")))


def _script_of_run(folder: OutputFolder) -> PromptScript:
    return read_recorded_run(folder.root).script


def _check_same_video(folder: OutputFolder, video: Path) -> None:
    recorded = read_record(folder)["input"]
    now = fingerprint(str(video), list_images(video) if video.is_dir() else ())
    if any(recorded.get(name) != value for name, value in now.items()):
        raise OutputError(
            f"{folder.root}: holds the run of another video ({recorded.get('video')}); choose another --output"
        )
