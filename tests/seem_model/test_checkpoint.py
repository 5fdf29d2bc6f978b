"""Weights files either fit and load, or are refused with a line that says why."""

from __future__ import annotations

import dataclasses
import json
import pickle
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from seem_model import checkpoint, store
from seem_model.checkpoint import convert_to_safetensors, fit_report, load_checkpoint, read_tensors
from seem_model.configs import config_named
from seem_model.errors import CheckpointError, ModelInputError
from seem_model.seem import Seem
from seem_model.store import load_seem, verify
from seem_model.zoo import RELEASES
from tests.seem_model.tiny import picture, tiny_config, tiny_model
from vos.cli.weights import weights as weights_command

CONFIG = tiny_config("v1")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "tiny_v1.pt"
    torch.save(tiny_model("v1").state_dict(), path)
    return path


@pytest.fixture
def known_tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the tiny configuration the only known one; its file has no text encoder."""
    monkeypatch.setattr(checkpoint, "CONFIGS", {CONFIG.name: CONFIG})
    monkeypatch.setattr(checkpoint, "Seem", lambda config, *, with_text=False: Seem(config, with_text=with_text))


def test_a_checkpoint_loads_and_gives_the_same_masks(weights: Path) -> None:
    loaded, expected = load_checkpoint(weights, CONFIG), tiny_model("v1")
    with torch.inference_mode():
        ours, theirs = (model.encode_image(picture()).pixels.mask_features.full for model in (loaded, expected))
    assert torch.equal(ours, theirs)
    assert not loaded.training


def test_the_number_of_queries_comes_from_the_file(weights: Path) -> None:
    other = dataclasses.replace(CONFIG, num_queries=101)
    assert load_checkpoint(weights, other).decoder.num_queries == CONFIG.num_queries


def test_wrappers_of_training_are_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    torch.save({"module": {"module.a.weight": torch.ones(2), "module.b": torch.zeros(1)}, "step": 3}, path)
    assert read_tensors(path).keys() == {"a.weight", "b"}


def test_absent_constants_and_foreign_parts_are_tolerated_and_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    tensors = dict(tiny_model("v1").state_dict())
    del tensors["dilation_kernel"], tensors["criterion.empty_weight"]
    tensors["caption_head.weight"] = torch.zeros(2)
    report = fit_report(tensors, tiny_model("v1"))
    assert report.fits
    assert set(report.ignored) == {"dilation_kernel", "criterion.empty_weight", "caption_head.weight"}
    monkeypatch.setattr(checkpoint, "read_tensors", lambda path: tensors)
    assert torch.equal(load_checkpoint(Path("w.pt"), CONFIG).dilation_kernel, torch.ones(1, 1, 3, 3))


@pytest.mark.parametrize("length", [0, 1000, 0.05])
def test_a_truncated_file_is_refused(weights: Path, tmp_path: Path, length: float) -> None:
    content = weights.read_bytes()
    cut = tmp_path / "cut.pt"
    cut.write_bytes(content[: int(length * len(content)) if length < 1 else int(length)])
    with pytest.raises(CheckpointError, match=r"cut\.pt: not a readable weights file"):
        load_checkpoint(cut, CONFIG)


def test_a_pickle_is_not_executed(tmp_path: Path) -> None:
    class Payload:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "executed",))

    (tmp_path / "evil.pt").write_bytes(pickle.dumps({"weight": Payload()}))
    with pytest.raises(CheckpointError, match=r"evil\.pt"):
        read_tensors(tmp_path / "evil.pt")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("content", [[1, 2], {"a": 1}, {}])
def test_a_file_without_tensors_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(CheckpointError, match="not a SEEM checkpoint"):
        read_tensors(tmp_path / "other.pt")


def test_a_wrong_pairing_names_the_keys_and_what_would_fit(weights: Path, known_tiny: None) -> None:
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(weights, config_named("davitd3_unicl_lang_v1"))
    message = str(caught.value)
    assert "does not fit davitd3_unicl_lang_v1" in message
    assert "missing (backbone." in message
    assert message.endswith("it fits tiny_v1")
    assert "\n" not in message


def test_misshaped_missing_and_unexpected_keys_are_all_reported() -> None:
    tensors = dict(tiny_model("v1").state_dict())
    del tensors["backbone.norm0.weight"]
    tensors["backbone.extra"] = torch.zeros(1)
    tensors["backbone.norm1.weight"] = torch.zeros(5)
    report = fit_report(tensors, tiny_model("v1"))
    assert not report.fits
    assert str(report) == (
        "1 missing (backbone.norm0.weight); 1 unexpected (backbone.extra); "
        "1 misshaped (backbone.norm1.weight [5] instead of [32])"
    )


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_not_numbers_are_refused(monkeypatch: pytest.MonkeyPatch, bad: float) -> None:
    tensors = dict(tiny_model("v1").state_dict())
    tensors["backbone.norm2.bias"] = torch.full_like(tensors["backbone.norm2.bias"], bad)
    monkeypatch.setattr(checkpoint, "read_tensors", lambda path: tensors)
    with pytest.raises(CheckpointError, match=r"nan\.pt: backbone\.norm2\.bias holds NaN or infinity"):
        load_checkpoint(Path("nan.pt"), CONFIG)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"none\.pt: no such weights file"):
        load_checkpoint(tmp_path / "none.pt", CONFIG)


def test_info_says_what_a_weights_file_holds(weights: Path, known_tiny: None) -> None:
    done = CliRunner().invoke(weights_command, ["info", str(weights), "--json"], catch_exceptions=False)
    about = json.loads(done.output)
    state = tiny_model("v1").state_dict()
    assert about["fits"] == [CONFIG.name] and about["num_queries"] == CONFIG.num_queries
    assert about["tensors"] == len(state) and about["sha256"] == checkpoint.file_sha256(weights)
    assert sum(about["parameters"].values()) == sum(value.numel() for value in state.values())
    assert set(about["parameters"]) == {"backbone", "pixel decoder", "decoder", "other"}
    plain = CliRunner().invoke(weights_command, ["info", str(weights)], catch_exceptions=False).output
    assert CONFIG.name in plain and about["sha256"] in plain


def test_safetensors_hold_the_same_tensors(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "matching_configs", lambda tensors: (CONFIG.name,))
    target = tmp_path / "tiny.safetensors"
    assert convert_to_safetensors(weights, target) == len(tiny_model("v1").state_dict())
    converted, original = read_tensors(target), read_tensors(weights)
    assert converted.keys() == original.keys()
    assert all(torch.equal(converted[key], original[key]) for key in original)
    assert [path.name for path in tmp_path.iterdir()] == [target.name]
    with pytest.raises(CheckpointError, match="--overwrite"):
        convert_to_safetensors(weights, target)


def test_a_file_of_no_known_model_is_not_converted(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(1)}, tmp_path / "w.pt")
    with pytest.raises(CheckpointError, match="fits none"):
        convert_to_safetensors(tmp_path / "w.pt", tmp_path / "w.safetensors")
    assert not (tmp_path / "w.safetensors").exists()


def test_a_changed_file_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    path.write_bytes(b"first")
    digest = verify(path)
    assert verify(path) == digest
    path.write_bytes(b"second")
    with pytest.raises(CheckpointError, match="has changed"):
        verify(path)


def test_every_published_release_has_a_file_and_a_configuration() -> None:
    for release in RELEASES.values():
        assert release.config.name == release.config_name
        assert release.file is None or release.published_file == f"{release.name.replace('-', '_')}.pt"


def test_without_a_checkpoint_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEEM_VOS_HOME", str(tmp_path))
    with pytest.raises(CheckpointError, match="vos weights pull seem-focalt-v1"):
        load_seem("seem-focalt-v1")
    with pytest.raises(CheckpointError, match="--weights"):
        load_seem("seem-davitd3-v1")
    with pytest.raises(ModelInputError, match="known: seem-focalt-v0"):
        load_seem("seem-focalt-v9")


def test_a_stored_checkpoint_is_verified_and_loaded(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEEM_VOS_HOME", str(tmp_path))
    release = dataclasses.replace(RELEASES["seem-focalt-v1"])
    monkeypatch.setattr(type(release), "config", property(lambda self: CONFIG))
    stored = store.weights_folder() / "seem_focalt_v1.pt"
    stored.parent.mkdir()
    stored.symlink_to(weights)
    loaded = load_seem("seem-focalt-v1")
    assert loaded.weights_sha256 == verify(stored)
    assert loaded.model.decoder.num_queries == CONFIG.num_queries
