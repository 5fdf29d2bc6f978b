"""A referring phrase."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from vos.errors import PromptError
from vos.prompts.base import Prompt, set_field

MAX_TEXT_LENGTH = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Text(Prompt):
    """The object in words, such as "the rabbit on the left". Needs a model with a text encoder.

    Attributes:
        text: 1..1000 characters; white space around it is removed.

    Examples:
        >>> Text(" the rabbit on the left ", object_id=2).text
        'the rabbit on the left'
    """

    kind: ClassVar[str] = "text"

    text: str

    def __post_init__(self) -> None:
        Prompt.__post_init__(self)
        if not isinstance(self.text, str) or not self.text.strip():
            raise PromptError(f"{self.where} is empty")
        set_field(self, "text", self.text.strip())
        if len(self.text) > MAX_TEXT_LENGTH:
            raise PromptError(f"{self.where} has {len(self.text)} characters; at most {MAX_TEXT_LENGTH} are allowed")
