"""One or several training processes, as `torchrun` starts them.

Gradients are added up in one flat message per step rather than by `DistributedDataParallel`: the network is small
(15 MB of gradients), is called through several methods, and its trunk starts to train in the middle of a run, each of
which that wrapper makes difficult.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

from pipelines.training.stills import TrainingDataError

# The others wait this long while the first process validates.
_TIMEOUT = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Processes:
    """Which of how many processes this is.

    Attributes:
        rank: 0 for the first, which alone writes files.
        count: How many there are.
    """

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def share_of(self, clips: int) -> slice:
        """This process's part of the clips of a step.

        Raises:
            TrainingDataError: The clips cannot be divided equally.
        """
        if clips % self.count:
            raise TrainingDataError(f"a batch of {clips} clips cannot be divided among {self.count} processes")
        each = clips // self.count
        return slice(self.rank * each, (self.rank + 1) * each)

    def add_up(self, x: Tensor) -> Tensor:
        """Sum of a tensor over all processes; a new tensor."""
        total = x.detach().clone()
        if self.count > 1:
            dist.all_reduce(total)
        return total

    def add_up_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Replaces every gradient by its sum over all processes, which have gradients for the same parameters."""
        if self.count == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = self.add_up(torch.cat([gradient.flatten() for gradient in gradients]))
        for gradient, total in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(total.view_as(gradient))

    def wait(self) -> None:
        """Returns when all processes have reached this call."""
        if self.count > 1:
            dist.barrier()


@contextmanager
def joined_processes(device: torch.device) -> Iterator[tuple[Processes, torch.device]]:
    """Joins the processes that `torchrun` started, if it did -> this process and its device.

    Reads RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT. Without WORLD_SIZE there is one process.

    Raises:
        TrainingDataError: The environment is incomplete.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Processes(), device
        return
    missing = [name for name in ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT") if name not in os.environ]
    if missing:
        raise TrainingDataError(
            f"WORLD_SIZE is {count} but {missing[0]} is not set; start several processes with torchrun"
        )
    on_cuda = device.type == "cuda"
    if on_cuda:
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if on_cuda else "gloo", timeout=_TIMEOUT)
    try:
        yield Processes(dist.get_rank(), dist.get_world_size()), device
    finally:
        dist.destroy_process_group()
