"""Dask: processes on this machine, or a cluster."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from experiments.field_strength_snr.sweep import Map


@contextmanager
def dask_map(scheduler: str | None = None, *, n_workers: int | None = None) -> Iterator[Map]:
    """A map whose calls run in parallel.

    Args:
        scheduler: address of a running scheduler, as ``tcp://host:8786``; None starts processes on this machine.
        n_workers: how many processes on this machine; one for each core where None.

    Yields:
        ``map(function, items, **shared)``, results in the order of the items.

    Raises:
        ModuleNotFoundError: Dask is not installed.
    """
    try:
        from dask.distributed import Client, LocalCluster
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "the sweep runs through dask.distributed, which is not installed: pip install 'pirecon[experiments]'"
        ) from None
    if scheduler is not None:
        with Client(scheduler) as client:
            yield _map_of(client)
        return
    logging.getLogger("distributed.nanny").setLevel(logging.ERROR)  # workers that end slowly are no news
    workers = os.cpu_count() if n_workers is None else n_workers
    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        yield _map_of(client)


def _map_of(client: Any) -> Map:
    def run(function: Callable[..., Any], items: Iterable[Any], **shared: Any) -> list[Any]:
        # Keys of their own (hash=False): those of an earlier call may be on their way out.
        given = {name: client.scatter([value], broadcast=True, hash=False)[0] for name, value in shared.items()}
        futures = [client.submit(function, item, pure=False, **given) for item in items]
        return client.gather(futures)

    return run
