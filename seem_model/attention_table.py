"""Who may read whom: the three behaviours of the released SEEM decoders, as data.

A decoder pass has groups of rows. Each group may read some groups in self-attention, and some groups attend to
the image in cross-attention. The released code has three decoders (its demo, "v0" and "v1") with identical
parameters; what differs is the table below, and how several objects share a pass.

Source: `ATTENTION_ARCH` of the released configurations; SEEM section 3.2 calls the idea "prompts interact with
queries through attention, masks come from queries".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Group(StrEnum):
    """A set of rows of the decoder. Queries give masks, tokens are prompts, memories carry the previous mask."""

    OBJECT_QUERIES = "queries_object"
    GROUNDING_QUERIES = "queries_grounding"
    SPATIAL_QUERIES = "queries_spatial"
    GROUNDING_TOKENS = "tokens_grounding"
    SPATIAL_TOKENS = "tokens_spatial"
    VISUAL_TOKENS = "tokens_visual"
    AUDIO_TOKENS = "tokens_audio"
    SPATIAL_MEMORIES = "memories_spatial"


@dataclass(frozen=True)
class AttentionTable:
    """One behaviour of the decoder.

    Attributes:
        reads: For each group, the groups that its rows may read in self-attention.
        attends_image: Groups that cross-attend to the image, in no particular order.
        text_queries: The query group whose masks answer a text prompt.
        spatial_queries: The query group whose masks answer a stroke or a referring image.
        rows_per_object: v1 puts all objects into one set of rows and gives each this many queries, drawn from
            the learned ones; None means that each object has a set of rows of its own with all queries.
        empty_prompt_value: Component value of a prompt vector without points (parity: 0, or -1 in v1).
    """

    reads: Mapping[Group, tuple[Group, ...]]
    attends_image: frozenset[Group]
    text_queries: Group
    spatial_queries: Group
    rows_per_object: int | None = None
    empty_prompt_value: float = 0.0

    def reachable(self, groups: frozenset[Group]) -> frozenset[Group]:
        """The given groups and all that they read, directly or not: what a pass must hold to answer for them."""
        found = set(groups)
        pending = list(groups)
        while pending:
            for group in self.reads.get(pending.pop(), ()):
                if group not in found:
                    found.add(group)
                    pending.append(group)
        return frozenset(found)


_G = Group

DEMO = AttentionTable(
    reads=MappingProxyType(
        {
            _G.OBJECT_QUERIES: (
                _G.OBJECT_QUERIES,
                _G.GROUNDING_TOKENS,
                _G.SPATIAL_TOKENS,
                _G.VISUAL_TOKENS,
                _G.AUDIO_TOKENS,
            ),
            _G.GROUNDING_TOKENS: (_G.OBJECT_QUERIES, _G.GROUNDING_TOKENS),
            _G.SPATIAL_TOKENS: (_G.SPATIAL_TOKENS,),
            _G.VISUAL_TOKENS: (_G.VISUAL_TOKENS,),
            _G.AUDIO_TOKENS: (_G.OBJECT_QUERIES, _G.AUDIO_TOKENS),
        }
    ),
    attends_image=frozenset({_G.OBJECT_QUERIES}),
    text_queries=_G.OBJECT_QUERIES,
    spatial_queries=_G.OBJECT_QUERIES,
)

_WITH_QUERY_COPIES: Mapping[Group, tuple[Group, ...]] = MappingProxyType(
    {
        _G.OBJECT_QUERIES: (_G.OBJECT_QUERIES,),
        _G.GROUNDING_QUERIES: (_G.GROUNDING_QUERIES, _G.GROUNDING_TOKENS),
        _G.SPATIAL_QUERIES: (_G.SPATIAL_QUERIES, _G.SPATIAL_TOKENS, _G.SPATIAL_MEMORIES),
        _G.GROUNDING_TOKENS: (_G.GROUNDING_QUERIES, _G.GROUNDING_TOKENS),
        _G.SPATIAL_TOKENS: (_G.SPATIAL_TOKENS,),
        _G.SPATIAL_MEMORIES: (_G.SPATIAL_MEMORIES,),
    }
)
_COPIES_ATTEND = frozenset({_G.OBJECT_QUERIES, _G.GROUNDING_QUERIES, _G.SPATIAL_QUERIES, _G.SPATIAL_MEMORIES})

V0 = AttentionTable(
    reads=_WITH_QUERY_COPIES,
    attends_image=_COPIES_ATTEND,
    text_queries=_G.GROUNDING_QUERIES,
    spatial_queries=_G.SPATIAL_QUERIES,
)

V1 = AttentionTable(
    reads=_WITH_QUERY_COPIES,
    attends_image=_COPIES_ATTEND,
    text_queries=_G.GROUNDING_QUERIES,
    spatial_queries=_G.SPATIAL_QUERIES,
    rows_per_object=3,
    empty_prompt_value=-1.0,
)

BEHAVIOURS: Mapping[str, AttentionTable] = MappingProxyType({"demo": DEMO, "v0": V0, "v1": V1})
