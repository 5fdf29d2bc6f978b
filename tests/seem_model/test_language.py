"""Tokens of CLIP, and class embeddings that are computed once."""

from __future__ import annotations

import gzip
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seem_model.errors import MissingExtraError, ModelInputError
from seem_model.language import tokenizer, vocabulary
from seem_model.language.coco import COCO_PANOPTIC, STUFF, THINGS
from seem_model.language.templates import TEMPLATES, class_name_of
from seem_model.language.tokenizer import CONTEXT_LENGTH, END, START, VOCABULARY_SIZE, ClipTokenizer
from seem_model.language.vocabulary import cached_class_embeddings
from tests.extras import need, need_vocabulary


@pytest.fixture(scope="module")
def clip() -> ClipTokenizer:
    return need_vocabulary()


def test_sentences_have_the_token_ids_of_clip(clip: ClipTokenizer) -> None:
    tokens = clip(["a photo of a cat", "  A Photo of a CAT "])
    assert tokens.ids[0, :8].tolist() == [START, 320, 1125, 539, 320, 2368, END, END]
    assert torch.equal(tokens.ids[0], tokens.ids[1])
    assert tokens.attention_mask.sum(1).tolist() == [7, 7]


def test_long_sentences_keep_their_end(clip: ClipTokenizer) -> None:
    tokens = clip(["dog " * 200])
    assert tokens.ids.shape == (1, CONTEXT_LENGTH)
    assert tokens.ids[0, -1] == END
    assert (tokens.ids[0] == END).sum() == 1


@settings(deadline=None, max_examples=30)
@given(st.text(min_size=1, max_size=30).filter(lambda text: text.strip()))
def test_any_text_has_tokens_inside_the_vocabulary(clip: ClipTokenizer, text: str) -> None:
    ids = clip([text]).ids
    assert int(ids.min()) >= 0
    assert int(ids.max()) < VOCABULARY_SIZE


def test_empty_text_is_refused(clip: ClipTokenizer) -> None:
    with pytest.raises(ModelInputError, match="empty"):
        clip(["  "])


def test_a_missing_vocabulary_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizer, "_PACKAGES", ("no_such_package_of_ours",))
    with pytest.raises(MissingExtraError, match=r"seem-vos\[text\]"):
        tokenizer.vocabulary_file()


@pytest.mark.parametrize("content", [b"not gzip", gzip.compress(b"one\ntwo three\n")])
def test_a_file_that_is_no_vocabulary_is_refused(tmp_path: Path, content: bytes) -> None:
    need("regex", "text")
    (tmp_path / "v.gz").write_bytes(content)
    with pytest.raises(ModelInputError, match=r"v\.gz: not a"):
        ClipTokenizer(tmp_path / "v.gz")


def test_there_are_81_sentences_per_class_and_133_classes() -> None:
    assert len(set(TEMPLATES)) == 81
    assert all(template.count("{}") == 1 for template in TEMPLATES)
    assert (len(THINGS), len(STUFF), len(set(COCO_PANOPTIC))) == (80, 53, 133)
    assert [class_name_of(name) for name in ("sky-other-merged", "door-stuff", "wall-brick")] == [
        "sky",
        "door",
        "wall-brick",
    ]


def test_class_embeddings_are_computed_once_per_weights_and_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[list[str]] = []

    def compute(language: object, clip: object, names: list[str], **kwargs) -> torch.Tensor:
        computed.append(names)
        return torch.full((len(names), 512), float(len(computed)))

    monkeypatch.setattr(vocabulary, "class_embeddings", compute)
    language = SimpleNamespace(lang_proj=torch.zeros(512, 512))

    def embeddings(names: list[str], digest: str) -> torch.Tensor:
        return cached_class_embeddings(language, None, names, weights_sha256=digest, folder=tmp_path / "classes")

    first = embeddings(["dog", "cat"], "a")
    assert first.shape == (3, 512)
    assert computed == [["dog", "cat", "background"]]
    assert torch.equal(embeddings(["dog", "cat"], "a"), first)
    assert len(computed) == 1
    embeddings(["dog", "cat"], "b")
    embeddings(["dog"], "a")
    assert len(computed) == 3
    for path in (tmp_path / "classes").iterdir():
        path.write_bytes(b"damaged")
    embeddings(["dog"], "a")
    assert len(computed) == 4
