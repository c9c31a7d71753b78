"""Voxels in chunks, so that memory stays bounded, and chunks in threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def chunks_of(n: int, *, bytes_each: int, memory: int, most: int, multiple: int = 1) -> list[slice]:
    """Cut 0, …, n − 1 into slices.

    Args:
        n: number of voxels.
        bytes_each: that one of them needs.
        memory: bytes that a chunk may need.
        most: voxels in a chunk, however large the memory is.
        multiple: chunks are multiples of it, the last aside; one multiple is the smallest chunk.

    Returns:
        Slices in order.
    """
    size = min(memory // max(bytes_each, 1), most)
    size = max(size // multiple, 1) * multiple
    return [slice(i, min(i + size, n)) for i in range(0, n, size)]


def in_threads(work: Callable[[slice], T], chunks: Sequence[slice], n_threads: int) -> Iterator[tuple[slice, T]]:
    """Results in the order of the chunks, so that sums do not depend on who was first.

    Args:
        work: to do for each chunk; compiled code that lets other threads run.
        chunks: in order.
        n_threads: at most; no more results than that wait for their turn.

    Yields:
        Chunk and result.
    """
    if n_threads < 2 or len(chunks) < 2:
        yield from ((chunk, work(chunk)) for chunk in chunks)
        return
    with ThreadPoolExecutor(n_threads) as pool:
        waiting: deque[tuple[slice, Future[T]]] = deque()
        for chunk in chunks:
            if len(waiting) > n_threads:
                first, future = waiting.popleft()
                yield first, future.result()
            waiting.append((chunk, pool.submit(work, chunk)))
        while waiting:
            first, future = waiting.popleft()
            yield first, future.result()
