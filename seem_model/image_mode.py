"""One picture, any prompt: strokes, points, boxes, masks, text, a referring image, or none (panoptic).

Pictures are resized as the released demo does it: bicubic, the shorter side to 512, masks back to the size that
came in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from seem_model.attention_table import DEMO, AttentionTable, Group
from seem_model.decoder.inputs import DecoderInputs
from seem_model.decoder.output import DecoderOutput
from seem_model.errors import ModelInputError
from seem_model.language.tokenizer import Tokens
from seem_model.postprocess import SCORE_THRESHOLD, Segment, panoptic_map, resize_mask_logits
from seem_model.seem import EncodedImage, Seem, check_picture_size

SHORT_SIDE = 512
# A picture this elongated or large is refused before memory runs out.
MAX_SIDE = 8192


@dataclass(frozen=True)
class EncodedPicture:
    """A picture inside the model, and the (height, width) that it came with."""

    encoded: EncodedImage
    source_size: tuple[int, int]


@dataclass(frozen=True)
class Answer:
    """The mask that answers a prompt.

    Attributes:
        mask: (H, W) bool at the picture's own size.
        score: Mean mask logit on the prompt for strokes and references, scaled cosine similarity for text. It ranks
            queries of one picture; it is no probability, and something is always answered.
        query: The selected query.
        class_logits: (K + 1,) of the selected query, or None if no classes were given.
    """

    mask: np.ndarray
    score: float
    query: int
    class_logits: Tensor | None


class ImageSegmenter:
    """Prompts in, masks out, on one model.

    Args:
        model: In eval mode.
        classes: (K + 1, 512) embeddings of class names and background, to label masks; see
            `language.vocabulary`. None: no labels, no panoptic segmentation.
        short_side: Size at which the model sees pictures; a model of fixed size uses less where needed.
    """

    def __init__(self, model: Seem, *, classes: Tensor | None = None, short_side: int = SHORT_SIDE) -> None:
        if short_side < 32:
            raise ModelInputError(f"short side {short_side}: must be at least 32")
        self.model = model
        self.classes = classes
        self.short_side = short_side

    def input_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width at which the model sees a picture of this size.

        Raises:
            ModelInputError: If that is too large.
        """
        fixed = self.model.config.fixed_size
        short, long = sorted((height, width))
        target = self.short_side
        if fixed is not None:
            target = max(1, min(target, fixed, fixed * short // long))
        # Parity: the longer side is truncated.
        new_long = max(target, int(target * long / short))
        if new_long > MAX_SIDE:
            raise ModelInputError(
                f"a picture of {width}x{height} would enter the model with a side of {new_long} pixels; crop it"
            )
        return (target, new_long) if height <= width else (new_long, target)

    @torch.inference_mode()
    def encode(self, rgb: np.ndarray) -> EncodedPicture:
        """rgb: (H, W, 3) uint8."""
        if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or rgb.size == 0:
            raise ModelInputError(f"a picture must be (height, width, 3) uint8 RGB, not {rgb.shape} {rgb.dtype}")
        check_picture_size(*rgb.shape[:2])
        height, width = self.input_size(*rgb.shape[:2])
        resized = Image.fromarray(rgb).resize((width, height), Image.Resampling.BICUBIC)
        return EncodedPicture(self.model.encode_image(np.array(resized)), (rgb.shape[0], rgb.shape[1]))

    @torch.inference_mode()
    def from_masks(
        self, picture: EncodedPicture, positive: Sequence[np.ndarray], negative: Sequence[np.ndarray] | None = None
    ) -> list[Answer]:
        """An answer per prompt drawn on the picture; all are decoded together.

        Args:
            picture: What was drawn on.
            positive: (H, W) bool of each prompt: strokes, discs of points, boxes, masks.
            negative: (H, W) bool of each prompt: what is not meant.

        Raises:
            ModelInputError: If a prompt is empty or of another size than the picture.
        """
        pixels = picture.encoded.pixels
        minus = None if negative is None else self._input_masks(picture, negative)
        prompts = self.model.decoder.sample_points(pixels, self._input_masks(picture, positive, name="prompt"), minus)
        table = self.model.decoder.table
        output = self.model.decoder(pixels, DecoderInputs(spatial=prompts), groups=frozenset({table.spatial_queries}))
        scores = output.point_scores(prompts.positive)
        return self._answers(picture, output, table.spatial_queries, scores)

    @torch.inference_mode()
    def from_reference(
        self, picture: EncodedPicture, reference: EncodedPicture, masks: Sequence[np.ndarray]
    ) -> list[Answer]:
        """An answer per mask drawn on a referring picture, which may differ in size (demo behaviour, as released)."""
        positive = self._input_masks(reference, masks, name="prompt on the referring picture")
        decoder = self.model.decoder
        prompts = decoder.sample_points(reference.encoded.pixels, positive, table=DEMO)
        output = decoder(picture.encoded.pixels, DecoderInputs(visual=prompts), table=DEMO)
        return self._answers(picture, output, DEMO.spatial_queries, output.point_scores(prompts.positive))

    @torch.inference_mode()
    def from_texts(self, picture: EncodedPicture, tokens: Tokens) -> list[Answer]:
        """An answer per sentence; the sentences do not see each other."""
        answers = []
        table: AttentionTable = self.model.decoder.table
        for row in range(len(tokens.ids)):
            text = self.model.language(Tokens(tokens.ids[row : row + 1], tokens.attention_mask[row : row + 1]))
            inputs = DecoderInputs(grounding=text.prompts())
            output = self.model.decoder(picture.encoded.pixels, inputs, groups=frozenset({table.text_queries}))
            scores = output.text_scores(text.sentences, self.model.language.logit_scale)
            answers += self._answers(picture, output, table.text_queries, scores)
        return answers

    @torch.inference_mode()
    def panoptic(
        self, picture: EncodedPicture, *, num_things: int, score_threshold: float = SCORE_THRESHOLD
    ) -> tuple[np.ndarray, tuple[Segment, ...]]:
        """(H, W) int32 segment ids and the segments, without any prompt.

        Raises:
            ModelInputError: If the segmenter was made without classes.
        """
        if self.classes is None:
            raise ModelInputError("panoptic segmentation needs class embeddings")
        output = self.model.decoder(picture.encoded.pixels, groups=frozenset({Group.OBJECT_QUERIES}))
        classes = output.class_logits(self.classes, self.model.language.logit_scale)[0]
        low = output.mask_logits(Group.OBJECT_QUERIES)[0]
        # Masks of queries that cannot become a segment are not brought to full size.
        scores, labels = classes.softmax(-1).max(-1)
        useful = ((labels < classes.shape[1] - 1) & (scores > score_threshold)).nonzero()[:, 0]
        if len(useful) == 0:
            return np.zeros(picture.source_size, np.int32), ()
        encoded = picture.encoded
        masks = resize_mask_logits(low[useful], encoded.padded_size, encoded.size, picture.source_size)
        ids, segments = panoptic_map(classes[useful], masks, num_things=num_things, score_threshold=score_threshold)
        return ids.cpu().numpy(), segments

    def _input_masks(self, picture: EncodedPicture, masks: Sequence[np.ndarray], *, name: str | None = None) -> Tensor:
        """Masks at the picture's size -> (n, H', W') bool at the padded size. With a name, none may be empty."""
        height, width = picture.encoded.size
        resized = []
        for index, mask in enumerate(masks):
            if mask.shape != picture.source_size:
                raise ModelInputError(
                    f"prompt {index + 1} is {mask.shape[1]}x{mask.shape[0]}, "
                    f"its picture {picture.source_size[1]}x{picture.source_size[0]}"
                )
            # Unlike the release, thin strokes survive: an input pixel counts if they touch it.
            mode = cv2.INTER_AREA if height < mask.shape[0] else cv2.INTER_NEAREST
            small = cv2.resize(mask.astype(np.float32), (width, height), interpolation=mode) > 0
            if name is not None and not small.any():
                raise ModelInputError(f"{name} {index + 1} is empty: it marks no pixel of the picture")
            resized.append(small)
        return picture.encoded.pad_mask(torch.from_numpy(np.stack(resized)).to(self.model.device))

    def _answers(self, picture: EncodedPicture, output: DecoderOutput, group: Group, scores: Tensor) -> list[Answer]:
        """The best query of each object; scores (S, n, Q)."""
        best, chosen = scores.max(dim=2)
        low = output.mask_logits(group, chosen).flatten(0, 1)
        logits = picture.encoded.upsample(low)
        full = F.interpolate(logits[None], picture.source_size, mode="bilinear", align_corners=False)[0]
        labels: list[Tensor] | list[None] = [None] * len(full)
        if self.classes is not None:
            classes = output.class_logits(self.classes, self.model.language.logit_scale, group)
            labels = list(classes.gather(1, chosen[..., None].expand(-1, -1, classes.shape[2])).flatten(0, 1))
        return [
            Answer(mask, score, query, label)
            for mask, score, query, label in zip(
                (full > 0).cpu().numpy(), best.flatten().tolist(), chosen.flatten().tolist(), labels, strict=True
            )
        ]
