"""Which engine computes a model."""

from __future__ import annotations

import importlib.util

import pytest

from vos.errors import UsageError
from vos.tracking import load_model as module
from vos.tracking.load_model import choose_engine, load_model

pytest.importorskip("onnxruntime")


@pytest.mark.parametrize(
    ("name", "device", "engine", "expected"),
    [
        ("compact", "cpu", "auto", "onnxruntime"),
        ("compact", "cpu", "torch", "torch"),
        ("compact", "auto", "onnxruntime", "onnxruntime"),
        ("compact", "cuda", "auto", "torch"),
        ("seem-focalt-v1", "cpu", "auto", "torch"),
    ],
)
def test_onnx_runtime_computes_the_compact_model_on_a_cpu(name: str, device: str, engine: str, expected: str) -> None:
    assert choose_engine(name, device, engine) == expected  # type: ignore[arg-type]


def test_without_the_package_pytorch_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert choose_engine("compact", "cpu", "auto") == "torch"


@pytest.mark.parametrize(("found", "expected"), [("cuda", "torch"), ("cpu", "onnxruntime")])
def test_an_accelerator_comes_first(monkeypatch: pytest.MonkeyPatch, found: str, expected: str) -> None:
    class Device:
        type = found

    monkeypatch.setattr(module, "_may_have_accelerator", lambda: True)
    monkeypatch.setattr(module, "choose_device", lambda name: Device())
    assert choose_engine("compact", "auto", "auto") == expected


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "seem-focalt-v1", "engine": "onnxruntime"}, "only the compact model runs on it, not seem-focalt-v1"),
        ({"device": "cuda", "engine": "onnxruntime"}, "computes on the CPU, not on cuda; use --engine torch"),
        ({"engine": "abacus"}, "--engine abacus: unknown engine; choose one of auto, torch, onnxruntime"),
        ({"threads": 0}, "--threads 0: must be at least 1"),
    ],
)
def test_what_does_not_go_together_is_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_model(**options)  # type: ignore[arg-type]
    assert words in str(caught.value)


def test_threads_are_those_asked_for() -> None:
    assert load_model(engine="onnxruntime", threads=3).threads == 3
    import torch

    before = torch.get_num_threads()
    try:
        assert load_model(engine="torch", device="cpu", threads=2).threads == 2
    finally:
        torch.set_num_threads(before)
