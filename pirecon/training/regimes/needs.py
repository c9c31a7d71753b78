"""What a batch must hold."""

from __future__ import annotations

from pirecon.training.regimes.regime import Batch


def require(batch: Batch, key: str, regime: str, fix: str) -> None:
    """Refuse a batch that lacks ``key``.

    Raises:
        ValueError: it is not there.
    """
    if key not in batch:
        raise ValueError(f"the regime {regime!r} needs {key!r} in every batch, found {', '.join(sorted(batch))}; {fix}")
