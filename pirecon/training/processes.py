"""Several processes that train one network, started by torchrun: who this one is, and what they agree on."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor, distributed


@contextmanager
def process_group() -> Iterator[None]:
    """Join the other processes where torchrun started several: gloo between CPUs, NCCL between GPUs."""
    if process_count() == 1 or distributed.is_initialized():
        yield
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield
    finally:
        distributed.destroy_process_group()


def process_count() -> int:
    """Processes in all, as torchrun says; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def processes_here() -> int:
    """Processes on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def rank() -> int:
    """Number of this process; 0 is the one that writes."""
    return int(os.environ.get("RANK", "0"))


def wait_for_all() -> None:
    """Return when every process has come here."""
    if distributed.is_initialized():
        distributed.barrier()


def of_first(value: float) -> float:
    """The value of process 0, in every process: clocks differ."""
    if not distributed.is_initialized():
        return value
    shared = torch.tensor([value], dtype=torch.float64, device=_device())
    distributed.broadcast(shared, src=0)
    return float(shared)


def average_gradients(parameters: Iterable[Tensor]) -> None:
    """Replace every gradient by its mean over the processes; one that a process lacks counts as zero."""
    if not distributed.is_initialized():
        return
    parameters = [p for p in parameters if p.requires_grad]
    flat = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in parameters])
    distributed.all_reduce(flat)
    flat /= process_count()
    for parameter, gradient in zip(parameters, flat.split([p.numel() for p in parameters]), strict=True):
        parameter.grad = gradient.view_as(parameter)


class UnwrappedProcesses(DDPStrategy):
    """Several processes whose module is not wrapped: :func:`average_gradients` does what the wrapper would.

    The wrapper counts one backward pass for a forward pass and every parameter in it; a critic needs two.
    """

    def configure_ddp(self) -> None:
        """Leave the module as it is."""


def _device() -> torch.device:
    return torch.device("cuda" if distributed.get_backend() == "nccl" else "cpu")
