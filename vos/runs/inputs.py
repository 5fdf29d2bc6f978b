"""What decides the result of a run, as run.json records it; two runs with equal inputs give equal bytes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import platform
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from PIL import Image

from vos.errors import VideoError
from vos.files.atomic import replacing
from vos.prompts import Prompt, PromptScript, ReferenceImage
from vos.prompts.digest import prompts_digest
from vos.prompts.script_json import prompt_entry
from vos.version import __version__
from vos.video.opening import Backend, choose_backend
from vos.video.pyav_compat import library_versions

# Distributions whose version can change a mask; the OpenCV of a machine is one of the two.
_PACKAGES = ("torch", "numpy", "opencv-python-headless", "opencv-python", "av", "pillow", "onnxruntime")
# Recorded, but free to differ: where the same bytes lie, and the interpreter that runs the same packages.
# The content of a prompt has its checksum beside it, which is shorter to print.
_IS_A_NAME = re.compile(r"(^|\.)(video|source|python)$|^prompts\[\d+\]\.content\.|^names\.")


@dataclass(frozen=True, slots=True)
class RunInputs:
    """What a run is made from.

    Attributes:
        video: As the user named it.
        fingerprint: `fingerprint` of its files; empty for what can be read only once.
        decoder: What turns the video into frames, with the versions that can change a pixel.
        script: All prompts, removals and names; names change no mask.
        model, weights_sha256, engine, device: Which network, what computes it and where.
        threads: CPU threads of the network. Sums that are split differently round differently.
        instructions: Vector instructions of the CPU that the network uses, for the same reason.
        options: Everything else that can change a mask.
        outputs: What is written beside the masks.
    """

    video: str
    fingerprint: dict[str, Any]
    decoder: dict[str, str]
    script: PromptScript
    model: str
    weights_sha256: str
    engine: str
    device: str
    threads: int
    instructions: str
    options: dict[str, Any]
    outputs: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Members of run.json."""
        return {
            "input": {"video": self.video, **self.fingerprint},
            "decoder": self.decoder,
            **script_members(self.script),
            "model": {
                "name": self.model,
                "weights_sha256": self.weights_sha256,
                "engine": self.engine,
                "device": self.device,
                "threads": self.threads,
                "instructions": self.instructions,
            },
            "options": self.options,
            # Tracking draws no random numbers; a model that does must record its seed here.
            "seed": None,
            "outputs": self.outputs,
            "versions": {"seem-vos": __version__, "python": platform.python_version(), **_package_versions()},
        }

    def differences(self, record: dict[str, Any]) -> list[str]:
        """What a former run with this run.json was made from, and this run is not; one phrase each."""
        now = json.loads(json.dumps(self.to_json()))
        return record_differences({name: record.get(name) for name in now}, now)


def reference_name(prompt: Prompt) -> str:
    """Name of the file next to run.json that holds a reference image; empty for other prompts."""
    if not isinstance(prompt, ReferenceImage):
        return ""
    digest = hashlib.sha256(repr(prompt.image.shape).encode() + prompt.image.tobytes()).hexdigest()
    return f"reference_{digest[:16]}.png"


def keep_references(folder: Path, prompts: Iterable[Prompt]) -> None:
    """Writes the reference images that run.json names. Raises OutputError when one cannot be written."""
    for prompt in prompts:
        if isinstance(prompt, ReferenceImage) and not (folder / reference_name(prompt)).exists():
            with replacing(folder / reference_name(prompt)) as temporary:
                Image.fromarray(prompt.image).save(temporary, format="PNG")


def script_members(script: PromptScript) -> dict[str, Any]:
    """What run.json says about the prompts."""
    return {
        "prompts": [
            {
                "kind": p.kind,
                "object": p.object_id,
                "frame": p.frame,
                "direction": p.direction,
                "source": p.source,
                "sha256": prompts_digest([p]),
                "content": prompt_entry(p, image=reference_name(p)),
            }
            for p in script.prompts
        ],
        "removals": [{"object": r.object_id, "frame": r.frame} for r in script.removals],
        "names": {str(object_id): name for object_id, name in sorted(script.names.items())},
    }


def record_differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What two sets of members of run.json do not agree about; one phrase each. Mere names are passed over."""
    old, new = dict(_leaves("", before)), dict(_leaves("", after))
    missing = "nothing"
    return [
        f"{key} was {old.get(key, missing)}, is {new.get(key, missing)}"
        for key in {**old, **new}
        if old.get(key, missing) != new.get(key, missing) and not _IS_A_NAME.search(key)
    ]


def fingerprint(video: str, images: Sequence[Path] = ()) -> dict[str, Any]:
    """Size and SHA-256 of what a video is read from.

    Args:
        video: A file; or anything else, if `images` are given.
        images: The files of an image folder in frame order. Their names count too.

    Returns:
        Empty for cameras and standard input, which have no bytes that could be read twice.

    Raises:
        VideoError: A file cannot be read.
    """
    path = Path(video)
    if images:
        digest = hashlib.sha256()
        for image in images:
            digest.update(f"{image.name}\n{_sha256(image)}\n".encode())
        return {
            "files": len(images),
            "bytes": sum(image.stat().st_size for image in images),
            "sha256": digest.hexdigest(),
        }
    return {"bytes": path.stat().st_size, "sha256": _sha256(path)} if path.is_file() else {}


def decoder_of(video: str, backend: Backend = "auto") -> dict[str, str]:
    """Which decoder reads a video, as `open_source` chooses it, and the versions of the libraries that do the work.

    (Pictures of a folder are decoded by Pillow, whose version is recorded with the packages.)
    """
    name = choose_backend(video, backend)
    return {"name": name, **(library_versions() if name in ("pyav", "decord") else {})}


def _sha256(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise VideoError(f"{path}: cannot be read ({error.strerror})") from error


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """(dotted path, value) of everything in a JSON value that is no object or list."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(f"{path}.{key}" if path else key, item)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _leaves(f"{path}[{number}]", item)
    else:
        yield path, value


def _package_versions() -> dict[str, str]:
    versions = {}
    for name in _PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions
