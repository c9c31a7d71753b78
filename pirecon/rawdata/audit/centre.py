"""Whether the signal is largest where the header puts k = 0."""

from __future__ import annotations

import ismrmrd
import numpy as np
from torch import Tensor

from pirecon.rawdata.audit.sampling import LineSampling
from pirecon.rawdata.finding import Finding
from pirecon.rawdata.grid import Grid
from pirecon.rawdata.kspace import KSpace
from pirecon.rawdata.raw_data import RawData
from pirecon.rawdata.sort import sort_lines
from pirecon.rawdata.streams import has_flag


def check_centre(kspace: KSpace, sampling: LineSampling) -> list[Finding]:
    """Largest energy, summed over coils and batch, against index n//2."""
    energy = _energy(kspace.data)
    if float(energy.max()) == 0:
        return []
    shape = energy.shape
    peak = np.unravel_index(int(energy.argmax()), shape)
    tolerance = (*sampling.spacing, 1)
    off = [
        f"{axis} {int(p)} instead of {n // 2}"
        for axis, p, n, t in zip("zyx", peak, shape, tolerance, strict=True)
        if abs(int(p) - n // 2) > t
    ]
    if not off:
        return []
    found = f"the signal peaks at index {', '.join(off)}"
    done = "the header's k = 0 is kept; the image has a linear phase and the right magnitude"
    return [Finding("k-space centre not where the header says", "info", found, done)]


def check_reversed_lines(raw: RawData, grid: Grid) -> list[Finding]:
    """Lines measured backwards should peak where the others do, once turned round."""
    lines = raw.imaging_lines
    reverse = has_flag(raw.readouts["flags"][lines], ismrmrd.ACQ_IS_REVERSE)
    if not reverse.any() or reverse.all():
        return []
    peaks = []
    for chosen in (lines[~reverse], lines[reverse]):
        energy = _energy(sort_lines(raw, chosen, grid).data).sum(dim=(0, 1))
        peaks.append(int(energy.argmax()))
    if peaks[0] == peaks[1]:
        return []
    found = f"lines measured forwards peak at index {peaks[0]}, reversed ones at {peaks[1]}"
    done = "nothing; the image has ghosts unless this is chance (usual causes: gradient delays, a wrong center_sample)"
    return [Finding("reversed lines shifted", "warning", found, done)]


def _energy(data: Tensor) -> Tensor:
    """Σ |s|² over batch and coils: float ``(kz, ky, kx)``, relative to the largest sample so that no scale "
    "overflows."""
    scale = data.abs().max().clamp(min=1e-38)
    return (data / scale).abs().square().reshape(-1, *data.shape[-3:]).sum(dim=0)
