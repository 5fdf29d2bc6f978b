"""The compact model on ONNX Runtime against the same weights in PyTorch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from seem_model.compact.model import CompactSEEM
from seem_model.compact.video import CompactVideoModel
from seem_model.compact_onnx.model import OnnxVideoModel
from seem_model.errors import CheckpointError, MissingExtraError
from seem_model.video_model import PromptKind, PromptMaps, ReferencePicture

pytest.importorskip("onnxruntime")

# Rows and columns: wide, tall, and as small as a view can be.
SIZES = [(96, 160), (160, 96), (64, 64)]
# Mask logits reach 15; float32 sums in another order.
TOLERANCE = 5e-3

Shifts = list[tuple[float, float]] | None


@pytest.fixture(scope="module")
def models() -> tuple[CompactVideoModel, OnnxVideoModel]:
    """The embedded weights in both engines."""
    return (
        CompactVideoModel.load(device=torch.device("cpu"), short_side=64),
        OnnxVideoModel.load(short_side=64, threads=1),
    )


def pictures(count: int, size: tuple[int, int], seed: int = 0) -> list[np.ndarray]:
    """Soft noise that moves to the right."""
    coarse = np.random.default_rng(seed).random((size[0] // 8, size[1] // 8, 3)).astype(np.float32)
    first = cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC).clip(0, 1) * 255
    return [np.roll(first.astype(np.uint8), 5 * number, 1) for number in range(count)]


def discs(count: int, size: tuple[int, int]) -> np.ndarray:
    """(count, h, w) masks at stride 4 of overlapping soft discs."""
    height, width = size[0] // 4, size[1] // 4
    masks = np.zeros((count, height, width), np.float32)
    for number in range(count):
        cv2.circle(masks[number], (width // 3 + 3 * number, height // 2), height // 4 + number, 0.9, -1)
    return masks


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("objects", [1, 3])
@pytest.mark.parametrize("shifts", [None, [(0.0, 0.0), (5.0, -20.0), (-7.5, 3.0)]])
def test_both_engines_give_the_same_masks(
    models: tuple[CompactVideoModel, OnnxVideoModel], size: tuple[int, int], objects: int, shifts: Shifts
) -> None:
    masks = discs(objects, size)
    answers = []
    for model in models:
        views = [model.encode_images([picture])[0] for picture in pictures(4, size)]
        reference = model.encode_reference(views[0], masks)
        memory = [model.encode_memory(view, masks, pinned=not number) for number, view in enumerate(views[:3])]
        # The second view knows nothing of the last object, if there are several.
        slots = [*range(objects - 1), None] if objects > 1 else [0]
        memory[1] = memory[1].select(slots)
        for used in (1, 3):
            answers.append(
                model.decode(
                    views[3], memory[:used], reference, masks, shifts=None if shifts is None else shifts[:used]
                )
            )
    for expected, found in zip(answers[:2], answers[2:], strict=True):
        assert np.abs(expected.mask_logits).max() > 1
        np.testing.assert_allclose(found.mask_logits, expected.mask_logits, atol=TOLERANCE)
        np.testing.assert_allclose(found.presence, expected.presence, atol=1e-4)
        np.testing.assert_allclose(found.agreement, expected.agreement, atol=1e-4)


@pytest.mark.parametrize("covered", [0.0, 0.005, 1.0])
def test_objects_without_a_border_in_view_are_read_alike(
    models: tuple[CompactVideoModel, OnnxVideoModel], covered: float
) -> None:
    size = SIZES[0]
    masks = np.full((2, size[0] // 4, size[1] // 4), covered, np.float32)
    answers = []
    for model in models:
        views = model.encode_images(pictures(3, size))
        memory = [model.encode_memory(view, masks, pinned=not number) for number, view in enumerate(views[:2])]
        reference = model.encode_reference(views[0], masks)
        answers.append(model.decode(views[2], memory, reference, masks, shifts=None))
    np.testing.assert_allclose(answers[1].mask_logits, answers[0].mask_logits, atol=TOLERANCE)
    np.testing.assert_allclose(answers[1].presence, answers[0].presence, atol=1e-4)


def test_remembered_views_may_have_other_shapes_and_none_need_be_annotated(
    models: tuple[CompactVideoModel, OnnxVideoModel],
) -> None:
    answers = []
    for model in models:
        memory = []
        for size in SIZES[:2]:
            view = model.encode_images(pictures(1, size))[0]
            memory.append(model.encode_memory(view, discs(2, size), pinned=False))
        reference = model.encode_reference(view, discs(2, SIZES[1]))
        now = model.encode_images(pictures(2, SIZES[0])[1:])[0]
        shifts = [(2.0, 1.0), (0.0, 0.0)]
        answers.append(model.decode(now, memory, reference, discs(2, SIZES[0]), shifts=shifts).mask_logits)
    np.testing.assert_allclose(answers[1], answers[0], atol=TOLERANCE)


@pytest.mark.parametrize("kind", list(PromptKind))
def test_both_engines_understand_prompts_alike(
    models: tuple[CompactVideoModel, OnnxVideoModel], kind: PromptKind
) -> None:
    size = SIZES[0]
    marked = discs(2, size)
    prompts = [PromptMaps(marked[0], marked[1] * 0, kind), PromptMaps(marked[1] * 0.5, marked[0], PromptKind.STROKE)]
    expected, found = (model.masks_from_prompts(model.encode_images(pictures(1, size))[0], prompts) for model in models)
    np.testing.assert_allclose(found, expected, atol=TOLERANCE)


@pytest.mark.parametrize("remembers", [False, True])
def test_both_engines_correct_masks_alike(models: tuple[CompactVideoModel, OnnxVideoModel], remembers: bool) -> None:
    size = SIZES[0]
    marked = discs(2, size)
    blank = marked[1] * 0
    prompts = [PromptMaps(blank, marked[1], PromptKind.POINTS), PromptMaps(marked[1] * 0.5, blank, PromptKind.STROKE)]
    answers = []
    for model in models:
        first, now = model.encode_images(pictures(2, size))
        memory = [model.encode_memory(first, marked, pinned=True)] if remembers else []
        reference = model.encode_reference(first, marked) if remembers else None
        answers.append(model.refine(now, prompts, marked * 0.8, memory, reference))
    np.testing.assert_allclose(answers[1], answers[0], atol=TOLERANCE)


def test_both_engines_find_what_another_picture_shows(models: tuple[CompactVideoModel, OnnxVideoModel]) -> None:
    size = SIZES[0]
    picture = pictures(1, size)[0]
    mask = cv2.resize(discs(1, size)[0], size[::-1], interpolation=cv2.INTER_NEAREST) > 0
    shown = [ReferencePicture(picture, mask), ReferencePicture(picture, mask, PromptKind.BOX)]
    expected, found = (
        model.masks_from_descriptions(model.encode_images([np.roll(picture, 8, 1)])[0], shown) for model in models
    )
    np.testing.assert_allclose(found, expected, atol=TOLERANCE)


def test_views_encoded_together_are_those_encoded_alone(models: tuple[CompactVideoModel, OnnxVideoModel]) -> None:
    model = models[1]
    views = pictures(3, SIZES[0])
    together = model.encode_images(views)
    for view, features in zip(views, together, strict=True):
        alone = model.encode_images([view])[0]
        assert alone.mask_size == features.mask_size
        for name, value in alone.values.items():
            np.testing.assert_allclose(features.values[name].numpy(), value.numpy(), atol=1e-5)


def test_a_memory_stays_as_it_is_when_its_view_is_gone(models: tuple[CompactVideoModel, OnnxVideoModel]) -> None:
    model, size = models[1], SIZES[0]
    memories = [
        model.encode_memory(view, discs(1, size), pinned=True) for view in model.encode_images(pictures(2, size))
    ]
    before = [{name: array.copy() for name, array in memory.to_arrays().items()} for memory in memories]
    for number in range(5):
        model.encode_images(pictures(3, size, seed=number))
    for memory, arrays in zip(memories, before, strict=True):
        for name, array in memory.to_arrays().items():
            assert array.tobytes() == arrays[name].tobytes(), name


def test_what_is_remembered_comes_back_from_arrays(models: tuple[CompactVideoModel, OnnxVideoModel]) -> None:
    model, size = models[1], SIZES[0]
    masks = discs(2, size)
    view = model.encode_images(pictures(1, size))[0]
    memory = model.encode_memory(view, masks, pinned=True).select([1, None, 0])
    reference = model.encode_reference(view, masks).select([1, None, 0])
    previous = discs(3, size)
    before = model.decode(view, [memory], reference, previous, shifts=None)
    memory = model.memory_from_arrays(memory.to_arrays(), objects=3, pinned=True)
    reference = model.reference_from_arrays(reference.to_arrays(), objects=3)
    after = model.decode(view, [memory], reference, previous, shifts=None)
    assert after.mask_logits.tobytes() == before.mask_logits.tobytes()
    arrays = memory.to_arrays()
    changes = {
        "expected the arrays": {"grid": np.array([1, 1]), "known": arrays["known"]},
        "grid is not": {**arrays, "grid": np.array([1, 2**40])},
        "key is float32 of shape": {**arrays, "grid": np.array([1, 1])},
        "value is float64": {**arrays, "value": arrays["value"].astype(float)},
        "no finite numbers": {**arrays, "mask": arrays["mask"] * np.nan},
    }
    for words, changed in changes.items():
        with pytest.raises(ValueError, match=words):
            model.memory_from_arrays(changed, objects=3, pinned=True)
    with pytest.raises(ValueError, match="known is uint8"):
        model.memory_from_arrays(arrays, objects=2, pinned=True)


def test_a_memory_without_any_known_object_comes_back(models: tuple[CompactVideoModel, OnnxVideoModel]) -> None:
    model = models[1]
    view = model.encode_images(pictures(1, SIZES[0]))[0]
    nothing = model.encode_memory(view, discs(1, SIZES[0]), pinned=True).select([None])
    again = model.memory_from_arrays(nothing.to_arrays(), objects=1, pinned=True)
    assert again.objects == (None,)
    reference = model.encode_reference(view, discs(1, SIZES[0]))
    decoded = model.decode(view, [again], reference, discs(1, SIZES[0]), shifts=None)
    assert np.isfinite(decoded.mask_logits).all()


def test_the_same_call_gives_the_same_bytes_with_several_threads() -> None:
    model, size = OnnxVideoModel.load(short_side=64, threads=3), (192, 256)
    masks = discs(2, size)
    views = [model.encode_images([picture])[0] for picture in pictures(3, size)]
    reference = model.encode_reference(views[0], masks)
    memory = [model.encode_memory(view, masks, pinned=not number) for number, view in enumerate(views)]
    answers = {model.decode(views[2], memory, reference, masks, shifts=None).mask_logits.tobytes() for _ in range(20)}
    assert len(answers) == 1


def test_other_weights_are_taken_from_a_file(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = CompactSEEM()
    for layer in (network.decoder.local_embedding, network.decoder.mask_embedding[2], network.decoder.boundary.out):
        torch.nn.init.normal_(layer.weight, std=0.05)
    path = tmp_path / "other.safetensors"
    save_file({name: tensor.numpy() for name, tensor in network.state_dict().items()}, path)
    models = (
        CompactVideoModel.load(device=torch.device("cpu"), weights=path, short_side=64),
        OnnxVideoModel.load(weights=path, short_side=64),
    )
    assert models[0].weights_sha256 == models[1].weights_sha256
    size = SIZES[0]
    answers = []
    for model in models:
        first, second = (model.encode_images([picture])[0] for picture in pictures(2, size))
        memory = [model.encode_memory(first, discs(1, size), pinned=True)]
        reference = model.encode_reference(first, discs(1, size))
        answers.append(model.decode(second, memory, reference, discs(1, size), shifts=[(0, 0)]).mask_logits)
    np.testing.assert_allclose(answers[1], answers[0], atol=TOLERANCE)


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(b"\xff" * 64)
    with pytest.raises(CheckpointError, match=r"damaged\.safetensors: not a readable safetensors file"):
        OnnxVideoModel.load(weights=damaged)
    with pytest.raises(CheckpointError, match=r"missing\.safetensors: no such weights file"):
        OnnxVideoModel.load(weights=tmp_path / "missing.safetensors")
    weights = {name: tensor.numpy() for name, tensor in CompactSEEM().state_dict().items()}
    path = tmp_path / "weights.safetensors"
    save_file({**weights, "more": np.zeros(2, np.float32)}, path)
    with pytest.raises(CheckpointError, match="does not know more"):
        OnnxVideoModel.load(weights=path)
    save_file({**weights, "reader.log_sigma": np.full((), np.nan, np.float32)}, path)
    with pytest.raises(CheckpointError, match="NaN or infinity"):
        OnnxVideoModel.load(weights=path)


def test_without_onnx_runtime_the_message_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match="pip install onnxruntime, or track with --engine torch"):
        OnnxVideoModel.load()


def test_pytorch_is_not_imported() -> None:
    script = (
        "import sys; from vos.tracking.tracker import VideoTracker; from vos.tracking.load_model import load_model\n"
        "from vos.prompts import Box\n"
        "import numpy as np\n"
        "tracker = VideoTracker(load_model(engine='onnxruntime', short_side=64))\n"
        "frame = np.zeros((64, 96, 3), np.uint8)\n"
        "tracker.step(frame, [Box(8, 8, 40, 40)]); tracker.step(frame)\n"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)
