"""Tokens, text embeddings and text prompts equal those of the released code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from seem_model.attention_table import Group
from seem_model.decoder.inputs import DecoderInputs
from seem_model.decoder.output import DecoderOutput
from seem_model.errors import MissingExtraError
from seem_model.language.encoder import TextFeatures
from seem_model.language.templates import TEMPLATES, class_name_of
from seem_model.language.tokenizer import ClipTokenizer, Tokens, installed_tokenizer
from seem_model.language.vocabulary import class_embeddings
from seem_model.seem import Seem
from tests.seem_model.conftest import Golden
from tests.seem_model.encode_once import encode_once
from tests.seem_model.recorded_draws import RecordedDraws
from tests.seem_model.test_golden_prompts import LOGIT_SCALE, check_object_queries, check_selection
from tests.seem_model.ties import decode_up_to_ties


def clip() -> ClipTokenizer:
    try:
        return installed_tokenizer()
    except MissingExtraError as error:
        pytest.skip(str(error))


def encoded(golden, model: Seem, name: str) -> TextFeatures:
    """Features of the file's words: texts stored under `name`, token ids, or both, which must then agree."""
    stored = None
    if "input_ids" in golden:
        ids, mask = (torch.from_numpy(np.atleast_2d(golden[key])) for key in ("input_ids", "attention_mask"))
        stored = Tokens(ids, mask.bool())
        if name not in golden:
            return model.language(stored)
    tokens = clip()([str(text) for text in np.atleast_1d(golden[name])])
    if stored is not None:
        assert torch.equal(tokens.ids, stored.ids)
        assert torch.equal(tokens.attention_mask, stored.attention_mask)
    return model.language(tokens)


@pytest.mark.golden("text", "stroke_text")
@torch.inference_mode()
def test_a_text_prompt_selects_the_mask_that_the_release_selects(golden, model_named: Callable[..., Seem]) -> None:
    check_text_prompt(golden, model_named(golden.config_name, with_text=True))


@pytest.mark.parametrize("absent", [("sel_class",), ("text",), ("sel_class", "text")], ids=" and ".join)
@torch.inference_mode()
def test_a_golden_file_without_class_or_text_is_judged_by_what_it_holds(
    absent: tuple[str, ...], goldens_folder: Path, model_named: Callable[..., Seem], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = goldens_folder / "focalt_demo__text_A.npz"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    golden = Golden(path, without=absent)
    if "text" in absent:
        monkeypatch.setattr("tests.seem_model.test_golden_text.clip", lambda: pytest.fail("ids need no vocabulary"))
    check_text_prompt(golden, model_named(golden.config_name, with_text=True))


def check_text_prompt(golden: Golden, model: Seem) -> None:
    """Compares all that a file holds of one text prompt, alone or beside a stroke."""
    text = encoded(golden, model, "text")
    if "class_emb" in golden:
        golden.assert_close("class_emb", text.sentences)
    if "grounding_tokens" in golden:
        golden.assert_close("grounding_tokens", text.prompts().tokens.transpose(0, 1))
    image = encode_once(model, golden["image"]).image
    spatial = None
    if "stroke" in golden:
        positive = image.pad_mask(torch.from_numpy(golden["stroke"])[None])
        draws = RecordedDraws(golden, sort_points=False)
        spatial = model.decoder.sample_points(image.pixels, positive, draws=draws)

    def check(output: DecoderOutput) -> None:
        check_object_queries(golden, output)
        if "pred_captions" in golden:
            golden.assert_close("pred_captions", output.queries[Group.OBJECT_QUERIES].class_embeddings)

    inputs = DecoderInputs(spatial=spatial, grounding=text.prompts())
    output = decode_up_to_ties(model.decoder, lambda: model.decoder(image.pixels, inputs), check)
    scores = (
        output.text_scores(text.sentences, LOGIT_SCALE) if spatial is None else output.point_scores(spatial.positive)
    )
    check_selection(golden, output, image, scores[0, 0])


@pytest.mark.golden("grounding")
@torch.inference_mode()
def test_two_texts_at_once_select_the_masks_that_the_release_selects(golden, model_named: Callable[..., Seem]) -> None:
    model = model_named(golden.config_name, with_text=True)
    text = encoded(golden, model, "texts")
    image = encode_once(model, golden["image"]).image

    def check(output: DecoderOutput) -> None:
        check_object_queries(golden, output)
        golden.assert_close("pred_gmasks", output.mask_logits(Group.GROUNDING_QUERIES))
        golden.assert_close("pred_gtexts", output.queries[Group.GROUNDING_QUERIES].class_embeddings)
        golden.assert_close("pred_captions", output.queries[Group.OBJECT_QUERIES].class_embeddings)

    inputs = DecoderInputs(grounding=text.prompts())
    output = decode_up_to_ties(model.decoder, lambda: model.decoder(image.pixels, inputs), check)
    scores = output.text_scores(text.sentences, LOGIT_SCALE)[0]
    golden.assert_close("sel_scores", scores.t())
    chosen = scores.argmax(dim=1)
    assert np.array_equal(chosen, golden["sel_query"])
    answer = image.upsample(output.mask_logits(Group.GROUNDING_QUERIES, chosen[None])[0])
    golden.assert_close("grounding_mask", answer)
    golden.assert_same_mask("grounding_mask_bool", answer > 0)


@pytest.mark.golden("class_text")
@torch.inference_mode()
def test_class_embeddings_equal_those_of_the_release(golden, model_named: Callable[..., Seem]) -> None:
    model = model_named(golden.config_name, with_text=True)
    assert len(TEMPLATES) == int(golden["n_templates"])
    sentences = [template.format(class_name_of("person")) for template in TEMPLATES]
    ids = clip()(sentences).ids
    assert sorted(map(tuple, ids.tolist())) == sorted(map(tuple, golden["person_prompt_ids"].tolist()))
    names = [str(name) for name in golden["names"]]
    golden.assert_close("text_embeddings", class_embeddings(model.language, clip(), names))
