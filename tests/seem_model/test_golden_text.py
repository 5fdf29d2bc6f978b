"""Tokens, text embeddings and text prompts equal those of the released code."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from seem_model.attention_table import Group
from seem_model.decoder.inputs import DecoderInputs
from seem_model.decoder.output import DecoderOutput
from seem_model.language.encoder import TextFeatures
from seem_model.language.templates import TEMPLATES, class_name_of
from seem_model.language.tokenizer import installed_tokenizer
from seem_model.language.vocabulary import class_embeddings
from seem_model.seem import Seem
from tests.seem_model.recorded_draws import RecordedDraws
from tests.seem_model.test_golden_prompts import LOGIT_SCALE, check_object_queries, check_selection
from tests.seem_model.ties import decode_up_to_ties

pytest.importorskip("regex", reason="text prompts need the extra: pip install 'seem-vos[text]'")
pytest.importorskip("ftfy", reason="text prompts need the extra: pip install 'seem-vos[text]'")


def encoded(golden, model: Seem, texts: list[str]) -> TextFeatures:
    """Features of texts, whose token ids must be those of the release."""
    tokens = installed_tokenizer()(texts)
    if "input_ids" in golden:
        assert np.array_equal(tokens.ids, golden["input_ids"])
        assert np.array_equal(tokens.attention_mask, golden["attention_mask"].astype(bool))
    return model.language(tokens)


@pytest.mark.golden("text", "stroke_text")
@torch.inference_mode()
def test_a_text_prompt_selects_the_mask_that_the_release_selects(golden, model_named: Callable[..., Seem]) -> None:
    model = model_named(golden.config_name, with_text=True)
    text = encoded(golden, model, [str(golden["text"])])
    if "class_emb" in golden:
        golden.assert_close("class_emb", text.sentences)
    if "grounding_tokens" in golden:
        golden.assert_close("grounding_tokens", text.prompts().tokens.transpose(0, 1))
    image = model.encode_image(golden["image"])
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
    text = encoded(golden, model, [str(name) for name in golden["texts"]])
    image = model.encode_image(golden["image"])

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
    ids = installed_tokenizer()(sentences).ids
    assert sorted(map(tuple, ids.tolist())) == sorted(map(tuple, golden["person_prompt_ids"].tolist()))
    names = [str(name) for name in golden["names"]]
    golden.assert_close("text_embeddings", class_embeddings(model.language, installed_tokenizer(), names))
