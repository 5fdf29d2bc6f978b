"""Options that choose workers and processors, and the messages about mistakes in them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
import torch

from pipelines.cli.fleet_options import FleetOptions, choose_gpus, pool_factory
from pipelines.fleet.decode_pool import STREAM_BYTES
from pipelines.fleet.ray_cluster import OBJECT_STORE_BYTES, ClusterPlan, shared_memory_note
from pipelines.fleet.worker_pool import LocalPool, WorkerPool
from vos.errors import UsageError


def pools(*, device: str = "cpu", **options: Any) -> AbstractContextManager[Callable[[], WorkerPool]]:
    return pool_factory(FleetOptions(**{"decoders": "0", **options}), device=device)


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


def test_one_worker_needs_no_ray() -> None:
    with pools(workers=1) as make_pool:
        assert isinstance(make_pool(), LocalPool)


def test_a_cluster_needs_a_number_of_workers() -> None:
    with pytest.raises(UsageError, match="--workers"), pools(address="auto"):
        pass


@pytest.mark.usefixtures("two_gpus")
def test_gpus_are_chosen_by_number_and_by_default_all() -> None:
    assert choose_gpus("all", "auto") == choose_gpus(None, "auto") == (0, 1)
    assert choose_gpus("1", "auto") == (1,)
    assert choose_gpus(None, "cpu") == choose_gpus("none", "auto") == ()
    with pytest.raises(UsageError, match="no GPU 2"):
        choose_gpus("0,2", "auto")
    with pytest.raises(UsageError, match="must be all, none"):
        choose_gpus("first", "auto")


def test_all_gpus_of_a_machine_without_one_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(UsageError, match="no GPU is available"):
        choose_gpus("all", "auto")


@pytest.mark.usefixtures("two_gpus")
def test_workers_cannot_take_more_of_the_gpus_than_there_is() -> None:
    with pytest.raises(UsageError, match="more than 2 GPU"), pools(workers=5, fraction=0.5, device="auto"):
        pass


def test_decoders_are_a_number_or_auto() -> None:
    for wrong in ("some", "-1", "1000"):
        with pytest.raises(UsageError, match="--decoders"), pools(decoders=wrong):
            pass
    with pools(decoders="auto") as make_pool:
        assert isinstance(make_pool(), LocalPool)


def test_decoders_need_room_for_frames_in_shared_memory() -> None:
    without, with_two = ClusterPlan(2), ClusterPlan(2, decoders=2)
    assert without.object_store_bytes == OBJECT_STORE_BYTES
    assert with_two.object_store_bytes == OBJECT_STORE_BYTES + 2 * STREAM_BYTES
    note = shared_memory_note(100 * 2**20, with_two.object_store_bytes)
    assert note is not None and "--decoders" in note and "--shm-size=384m" in note


def test_too_little_shared_memory_is_explained() -> None:
    note = shared_memory_note(64 * 2**20)
    assert note is not None and "64 MiB" in note and "--shm-size" in note
    assert shared_memory_note(OBJECT_STORE_BYTES) is None
    assert shared_memory_note(None) is None
