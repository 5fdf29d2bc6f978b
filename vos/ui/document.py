"""What the user edits, with undo: a prompt script, and the colours that objects have on the screen."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from vos.errors import PromptError
from vos.files.json_node import JsonNode, json_errors_as
from vos.prompts import DIRECTIONS, MAX_OBJECT_ID, PromptScript, Removal
from vos.ui.gestures import Place, apply_gesture, without

MAX_UNDO = 300
MAX_NAME = 60

# Bright on dark and on most pictures, neighbours far apart in hue. Exports have the DAVIS palette all the same.
COLOURS = (
    "#ff6b6b",
    "#4dabf7",
    "#ffd43b",
    "#69db7c",
    "#da77f2",
    "#ffa94d",
    "#3bc9db",
    "#f783ac",
    "#a9e34b",
    "#9775fa",
)
_COLOUR = re.compile(r"#[0-9a-f]{6}")


@dataclass(frozen=True, slots=True)
class Document:
    """Everything that can be edited. Immutable: an edit gives another document.

    Attributes:
        script: Prompts, removals and names. Every object has a name, also one without a mark.
        colours: `#rrggbb` of objects that have another than the default one.
    """

    script: PromptScript
    colours: Mapping[int, str] = field(default_factory=dict)

    @property
    def object_ids(self) -> tuple[int, ...]:
        """Objects with a name or a mark, ascending."""
        return tuple(sorted({*self.script.names, *self.script.object_ids}))

    def name_of(self, object_id: int) -> str:
        return self.script.names.get(object_id) or f"Object {object_id}"

    def colour_of(self, object_id: int) -> str:
        return self.colours.get(object_id, COLOURS[(object_id - 1) % len(COLOURS)])


def read_colours(node: JsonNode) -> dict[int, str]:
    """Colours by object id, as a session keeps them. Raises JsonError for anything else."""
    colours = {}
    for key, colour in node.members():
        if len(key) > 5 or not key.isdecimal() or not 1 <= int(key) <= MAX_OBJECT_ID:
            colour.fail(f"{key[:40]!r} is not an object id in 1..{MAX_OBJECT_ID}")
        if _COLOUR.fullmatch(colour.text()) is None:
            colour.fail("expected a colour like #ff6b6b")
        colours[int(key)] = colour.text()
    return colours


def new_document() -> Document:
    """One object without a mark."""
    return Document(PromptScript(names={1: "Object 1"}))


class History:
    """A document, and the ones before and after it."""

    def __init__(self, document: Document) -> None:
        self._documents: tuple[Document, ...] = (document,)
        self._at = 0
        # Grows with every change, also by undo: tabs compare it.
        self.revision = 1

    @property
    def document(self) -> Document:
        return self._documents[self._at]

    @property
    def can_undo(self) -> bool:
        return self._at > 0

    @property
    def can_redo(self) -> bool:
        return self._at + 1 < len(self._documents)

    def change(self, document: Document) -> None:
        """Goes on with another document; what was undone is gone."""
        self._documents = (*self._documents[: self._at + 1], document)[-MAX_UNDO - 1 :]
        self._go_to(len(self._documents) - 1)

    def undo(self) -> None:
        self._go_to(max(0, self._at - 1))

    def redo(self) -> None:
        self._go_to(min(len(self._documents) - 1, self._at + 1))

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """After an exception in the block, everything is as before it."""
        before = self._documents, self._at, self.revision
        try:
            yield
        except BaseException:
            self._documents, self._at, self.revision = before
            raise

    def _go_to(self, at: int) -> None:
        self._at = at
        self.revision += 1


@json_errors_as(PromptError)
def apply_edit(document: Document, edit: JsonNode, place: Place) -> Document:
    """The document after an edit: a gesture on a frame, or something about an object as a whole.

    Args:
        document: As it is.
        edit: What is asked for; `kind` says what.
        place: The object and the frame it is about, checked to exist.

    Raises:
        PromptError: It makes no sense here; the message says what would.
    """
    kind = edit.get("kind").text()
    if kind != "add-object" and place.object_id not in document.object_ids:
        edit.get("object").fail(f"there is no object {place.object_id}")
    act = _EDITS.get(kind)
    if act is not None:
        return act(document, edit, place)
    return replace(document, script=apply_gesture(document.script, edit, place))


def _add(document: Document, edit: JsonNode, place: Place) -> Document:
    new = max(document.object_ids, default=0) + 1
    if new > MAX_OBJECT_ID:
        raise PromptError(f"object ids end at {MAX_OBJECT_ID}")
    return _named(document, new, f"Object {new}")


def with_object(document: Document, object_id: int) -> Document:
    """The document with an object that has a mask but no mark: a part that was split off."""
    return _named(document, object_id, f"Object {object_id}")


def _rename(document: Document, edit: JsonNode, place: Place) -> Document:
    name = " ".join(edit.get("name").text().split())
    # Control characters break the XML of CVAT, and half a surrogate pair breaks any file.
    if not name.isprintable():
        raise PromptError("a name has no control characters and nothing that cannot be shown")
    if not 1 <= len(name) <= MAX_NAME:
        raise PromptError(f"a name has 1 to {MAX_NAME} characters")
    return _named(document, place.object_id, name)


def _recolour(document: Document, edit: JsonNode, place: Place) -> Document:
    colour = edit.get("colour").text().lower()
    if _COLOUR.fullmatch(colour) is None:
        edit.get("colour").fail("expected a colour like #ff6b6b")
    return replace(document, colours={**document.colours, place.object_id: colour})


def _remove(document: Document, edit: JsonNode, place: Place) -> Document:
    gone = place.object_id
    script = without(document.script, gone, None)
    script = replace(
        script,
        removals=tuple(removal for removal in script.removals if removal.object_id != gone),
        names={i: name for i, name in script.names.items() if i != gone},
    )
    left = Document(script, {i: colour for i, colour in document.colours.items() if i != gone})
    return left if left.object_ids else new_document()


def _end(document: Document, edit: JsonNode, place: Place) -> Document:
    script = without(document.script, place.object_id, place.frame)
    before = [prompt.frame for prompt in script.prompts if prompt.object_id == place.object_id]
    before = [frame for frame in before if frame < place.frame]
    removal = Removal(place.object_id, place.frame)
    if not before:
        raise PromptError("an object can end only after a frame that it is marked on")
    ended = [r.frame for r in script.removals if r.object_id == place.object_id and r.frame < place.frame]
    if ended and max(ended) > max(before):
        raise PromptError(f"the object has ended on frame {max(ended)} already")
    # An end later on, with no mark in between, would end it twice.
    after = [p.frame for p in script.prompts if p.object_id == place.object_id and p.frame > place.frame]
    kept = tuple(
        r
        for r in script.removals
        if r.object_id != place.object_id or r.frame < place.frame or any(frame < r.frame for frame in after)
    )
    return replace(document, script=replace(script, removals=(*kept, removal)))


def _unend(document: Document, edit: JsonNode, place: Place) -> Document:
    kept = tuple(r for r in document.script.removals if (r.object_id, r.frame) != (place.object_id, place.frame))
    return replace(document, script=replace(document.script, removals=kept))


def _direct(document: Document, edit: JsonNode, place: Place) -> Document:
    wanted = edit.get("direction").value
    direction = next((known for known in DIRECTIONS if known == wanted), None)
    if direction is None:
        edit.get("direction").fail(f"expected one of {', '.join(DIRECTIONS)}")
    here = (place.object_id, place.frame)
    prompts = tuple(
        replace(prompt, direction=direction) if (prompt.object_id, prompt.frame) == here else prompt
        for prompt in document.script.prompts
    )
    return replace(document, script=replace(document.script, prompts=prompts))


_EDITS: dict[str, Callable[[Document, JsonNode, Place], Document]] = {
    "add-object": _add,
    "rename-object": _rename,
    "recolour-object": _recolour,
    "remove-object": _remove,
    "end-object": _end,
    "unend-object": _unend,
    "direct": _direct,
}


def _named(document: Document, object_id: int, name: str) -> Document:
    script = document.script
    return replace(document, script=replace(script, names={**script.names, object_id: name}))
