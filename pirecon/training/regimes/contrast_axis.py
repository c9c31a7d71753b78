"""Examinations as single scans."""

from __future__ import annotations

from pirecon.training.regimes.regime import Batch

SCAN_AXES = {"kspace": 4, "weights": 4, "truth": 3}  # (coil, kz, ky, kx), (1, kz, ky, kx), (z, y, x)


def each_contrast(batch: Batch) -> Batch:
    """A batch of examinations as a batch of scans, contrast after contrast; every other batch as it is.

    Args:
        batch: "kspace" ``(batch, contrast, coil, kz, ky, kx)``, "maps" ``(batch, 1, coil, z, y, x)``, as of
            :class:`pirecon.training.scans.contrasts.ContrastStream`.

    Returns:
        The batch with "kspace", "maps", "weights" and "truth" ``(batch · contrast, …)``; other keys unchanged.
    """
    kspace = batch["kspace"]
    if kspace.ndim == 1 + SCAN_AXES["kspace"]:
        return batch
    flat = {key: batch[key].flatten(0, -1 - axes) for key, axes in SCAN_AXES.items() if key in batch}
    maps = batch["maps"]
    return batch | flat | {"maps": maps.expand(-1, kspace.shape[1], *maps.shape[2:]).flatten(0, 1)}
