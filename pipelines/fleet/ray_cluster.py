"""Starts Ray on this machine, or joins a cluster that runs already. Ray is imported here and in `ray_pool` only."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.fleet.decode_pool import STREAM_BYTES
from vos.errors import UsageError, VosError

# Job descriptions and progress are a few hundred bytes, and frames never enter the object store: this is the least
# that Ray accepts.
OBJECT_STORE_BYTES = 80 * 1024 * 1024
_CONNECT_SECONDS = 10.0
_SHARED_MEMORY = Path("/dev/shm")


class FleetError(VosError):
    """No worker can be started, or all have been lost; the batch can be resumed."""


@dataclass(frozen=True, slots=True)
class ClusterPlan:
    """Workers and what each may use.

    Attributes:
        workers: How many; at least 1.
        threads: CPU threads of each.
        gpus: Numbers of the GPUs to use on this machine; empty for none. With `address` only their number counts.
        fraction: Share of a GPU that a worker takes.
        decoders: Processes that decode for the workers; None to decide by measurements, once the first videos
            are finished.
        address: `HOST:PORT` of a running cluster, `auto` for the one on this machine; None starts one that ends with
            the batch; its node has the loopback address, but its processes listen on every interface (docs/fleet.md).
    """

    workers: int
    threads: int = 1
    gpus: tuple[int, ...] = ()
    fraction: float = 1.0
    address: str | None = None
    decoders: int | None = 0

    @property
    def spare_cores(self) -> int:
        """Cores of this machine that the workers leave free."""
        return max(0, len(os.sched_getaffinity(0)) - self.workers * self.threads)

    @property
    def object_store_bytes(self) -> int:
        """Room for descriptions of jobs, and for the frames between decoders and workers if there can be any."""
        may_decode = self.decoders if self.decoders is not None else self.spare_cores
        return OBJECT_STORE_BYTES + (self.workers * STREAM_BYTES if may_decode else 0)


def shared_memory_note(free_bytes: int | None, wanted: int = OBJECT_STORE_BYTES) -> str | None:
    """A line for the user if shared memory is too small for Ray's object store, otherwise None."""
    if free_bytes is None or free_bytes >= wanted:
        return None
    needed = -(-wanted // 2**20)
    cost = (
        "This costs nothing here, since frames do not pass through Ray"
        if wanted == OBJECT_STORE_BYTES
        else "Decoders (--decoders) would pass frames through files then"
    )
    return (
        f"/dev/shm has {free_bytes // 2**20} MiB free and Ray wants {needed}: it will use /tmp. "
        f"{cost}; in a container, --shm-size={needed + 48}m avoids it"
    )


def free_shared_memory() -> int | None:
    """Bytes free in /dev/shm; None where it does not exist."""
    try:
        status = os.statvfs(_SHARED_MEMORY)
    except OSError:
        return None
    return status.f_bavail * status.f_frsize


def _check_reachable(address: str) -> None:
    """Ray itself would try for minutes."""
    host, colon, port = address.rpartition(":")
    if not colon or "/" in address:
        return
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECT_SECONDS).close()
    except (OSError, ValueError, OverflowError) as error:
        raise FleetError(f"--address {address}: no Ray cluster answers there ({error}); see `ray status`") from error


@contextmanager
def cluster(plan: ClusterPlan) -> Iterator[Any]:
    """Ray, ready for use: the module itself.

    Raises:
        FleetError: Ray cannot be started, or the cluster cannot be reached.
        UsageError: Ray is not installed.
    """
    # These have to be set before Ray is imported.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # Ray runs its workers at low priority; here they do the main work, not background work.
    os.environ.setdefault("RAY_worker_niceness", "0")
    # Ray prints a notice about GPUs of actors that request none, which does not apply here.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "1")
    if plan.gpus and plan.address is None:
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, plan.gpus))
    try:
        import ray
    except ImportError as error:
        raise UsageError(f"several workers need the package ray, which cannot be imported ({error})") from error
    options: dict[str, Any] = {
        "include_dashboard": False,
        "logging_level": logging.ERROR,
        "log_to_driver": False,
        "configure_logging": True,
    }
    if plan.address is None:
        options |= {
            "num_cpus": plan.workers,
            "num_gpus": len(plan.gpus),
            "object_store_memory": plan.object_store_bytes,
            "_node_ip_address": "127.0.0.1",
        }
    else:
        options = {"address": plan.address, **options}
        del options["include_dashboard"]
        _check_reachable(plan.address)
    # Ray replaces the handler of this signal; the command's own has to be restored.
    on_sigterm = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(**options)
    except Exception as error:
        what = "started on this machine" if plan.address is None else f"reached at {plan.address}"
        raise FleetError(f"Ray cannot be {what}: {str(error).strip().splitlines()[0]}") from error
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, on_sigterm)
    try:
        yield ray
    finally:
        ray.shutdown()
