"""Checkpoints load completely or not at all, whatever is wrong with the file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from seem_model.checkpoint import convert, load_checkpoint, read_state
from seem_model.configs import CONFIGS
from seem_model.errors import CheckpointError, ModelInputError
from seem_model.seem import Seem
from seem_model.zoo import ZOO, WeightsFolder, load_seem

CONFIG = CONFIGS["focalt_unicl_lang_v1"]
QUERIES = "sem_seg_head.predictor.query_feat.weight"


@pytest.fixture(scope="module")
def whole_state() -> dict[str, Tensor]:
    """All keys and shapes of Focal-T. Each tensor repeats one number, so that files stay small."""
    with torch.device("meta"):
        shapes = {key: tensor.shape for key, tensor in Seem(CONFIG).state_dict().items()}
    return {key: torch.tensor(0.5).expand(shape) for key, shape in shapes.items()}


def save(path: Path, state: object) -> Path:
    torch.save(state, path)
    return path


def test_a_whole_checkpoint_loads_with_and_without_text(tmp_path: Path, whole_state: dict[str, Tensor]) -> None:
    path = save(tmp_path / "model.pt", whole_state)
    model = load_checkpoint(path)
    assert model.config.name == CONFIG.name
    assert float(model.language.lang_proj[0, 0]) == 0.5
    assert not model.training
    silent = load_checkpoint(path, with_text=False)
    with pytest.raises(ModelInputError, match="without its text encoder"):
        _ = silent.language


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: {f"module.{key}": value for key, value in state.items()},
        lambda state: {"module": state, "optimizer": {}},
    ],
    ids=["distributed prefix", "training state"],
)
def test_training_wrappers_around_the_weights_are_seen_through(tmp_path: Path, whole_state, wrap) -> None:
    assert set(read_state(save(tmp_path / "model.pt", wrap(whole_state)))) == set(whole_state)


def test_the_number_of_queries_comes_from_the_file(tmp_path: Path, whole_state: dict[str, Tensor]) -> None:
    more = {QUERIES: (201, 512), QUERIES.replace("feat", "embed"): (201, 512)}
    state = whole_state | {key: torch.ones(1).expand(shape) for key, shape in more.items()}
    assert load_checkpoint(save(tmp_path / "model.pt", state)).decoder.num_queries == 201


def test_unused_buffers_may_be_missing_and_foreign_keys_outside_the_model_are_ignored(
    tmp_path: Path, whole_state: dict[str, Tensor]
) -> None:
    state = {k: v for k, v in whole_state.items() if k not in ("dilation_kernel", "criterion.empty_weight")}
    load_checkpoint(save(tmp_path / "model.pt", state | {"caption_head.weight": torch.ones(3)}))


def _without_queries_norm(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key: value for key, value in state.items() if "decoder_norm" not in key}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_without_queries_norm, "missing: sem_seg_head.predictor.decoder_norm"),
        (lambda s: s | {"backbone.more": torch.ones(1)}, "not part of the model: backbone.more"),
        (lambda s: s | {"backbone.norm0.weight": torch.ones(7)}, r"wrong shape: backbone.norm0.weight is \(7,\)"),
        (lambda s: s | {"backbone.norm0.bias": torch.full((96,), torch.nan)}, "NaN or infinity in: backbone.norm0"),
        (lambda s: {"weight": torch.ones(3)}, "not a SEEM checkpoint"),
        (lambda s: [1, 2, 3], "not a state dict"),
    ],
    ids=["missing key", "unknown key", "wrong shape", "NaN", "another model", "no state dict"],
)
def test_a_file_that_is_not_the_model_is_refused_with_the_reason(tmp_path, whole_state, damage, message) -> None:
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(save(tmp_path / "model.pt", damage(whole_state)))


def test_a_file_of_another_backbone_is_refused(tmp_path: Path, whole_state: dict[str, Tensor]) -> None:
    path = save(tmp_path / "model.pt", whole_state)
    with pytest.raises(CheckpointError, match="holds a focalt model, but focall was asked for"):
        load_checkpoint(path, config=CONFIGS["focall_unicl_lang_v1"])


def test_a_truncated_file_is_named_in_one_line(tmp_path: Path, whole_state: dict[str, Tensor]) -> None:
    path = save(tmp_path / "model.pt", whole_state)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(CheckpointError, match=r"model\.pt: not a readable checkpoint") as caught:
        load_checkpoint(path)
    assert "\n" not in str(caught.value)


def test_a_file_that_carries_code_is_not_run(tmp_path: Path) -> None:
    class Payload:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (Path(tmp_path / "ran"),))  # type: ignore[return-value]

    path = save(tmp_path / "model.pt", {"weight": Payload()})
    with pytest.raises(CheckpointError):
        load_checkpoint(path)
    assert not (tmp_path / "ran").exists()


def test_conversion_keeps_every_tensor_and_never_overwrites_unasked(
    tmp_path: Path, whole_state: dict[str, Tensor]
) -> None:
    source = save(tmp_path / "model.pt", whole_state | {"optimizer_step": torch.ones(1)})
    target = tmp_path / "model.safetensors"
    report = convert(source, target)
    assert report.ignored == ("optimizer_step",)
    converted = read_state(target)
    assert converted.keys() == whole_state.keys()
    assert all(torch.equal(converted[key], whole_state[key]) for key in list(whole_state)[::20])
    with pytest.raises(CheckpointError, match="exists already"):
        convert(source, target)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.pt", "model.safetensors"]


def test_a_named_model_says_how_to_get_its_weights(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="vos weights pull seem-focalt-v1"):
        load_seem("seem-focalt-v1", folder=WeightsFolder(tmp_path))
    with pytest.raises(ModelInputError, match="released SEEM models: seem-focalt-v1"):
        load_seem("seem-resnet", folder=WeightsFolder(tmp_path))


def test_a_named_model_whose_file_changed_since_its_first_use_is_refused(
    tmp_path: Path, whole_state: dict[str, Tensor]
) -> None:
    folder = WeightsFolder(tmp_path)
    entry = ZOO["seem-focalt-v1"]
    save(tmp_path / entry.file, whole_state)
    load_seem(entry.name, folder=folder, with_text=False)
    save(tmp_path / entry.file, whole_state | {"backbone.norm0.bias": torch.ones(96)})
    with pytest.raises(CheckpointError, match="has changed since its first use"):
        load_seem(entry.name, folder=folder, with_text=False)
