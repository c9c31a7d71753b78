"""What the field's imperfections cost: shifts in Hz and in voxels, bandwidth, dephasing, and Maxwell terms."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bloch.tissue import GYROMAGNETIC_RATIO

FAT_SHIFT = 3.4
"""Between water and the main peak of fat, ppm. Source: bloch.tissue.fat_spectrum (Hamilton et al., NMR Biomed 2011)."""


@dataclass(frozen=True)
class Homogeneity:
    """How far the field is from B0.

    Attributes:
        peak_to_peak: of the magnet over a sphere, ppm.
        diameter: of that sphere, m.
        susceptibility: of the head itself: half the range over the brain, ppm of B0.
    """

    peak_to_peak: float
    diameter: float = 0.2
    susceptibility: float = 0.0

    def __post_init__(self) -> None:
        if min(self.peak_to_peak, self.susceptibility) < 0 or not self.diameter > 0:
            raise ValueError(f"ppm must be at least 0 and the diameter (m) above 0, but they are {self}")

    @property
    def half_range(self) -> float:
        """Largest deviation from the centre frequency, ppm."""
        return 0.5 * self.peak_to_peak + self.susceptibility


def typical_homogeneity(B0: float, *, susceptibility: float = 0.0) -> Homogeneity:
    """Orders of magnitude of magnets for the head: permanent below 0.5 T, superconducting above.

        below 0.2 T: 200 ppm;  below 0.5 T: 30 ppm;  above: 1 ppm, peak to peak over 20 cm

    Args:
        B0: field strength, T.
        susceptibility: as in ``Homogeneity``, ppm.

    Returns:
        Homogeneity. Give the numbers of your own magnet if you have them: permanent magnets differ by a factor of 100.

    Source: a choice. Published magnets reach from hundreds of ppm (with pole pieces) to 5,700 ppm (87 mT, elliptic
    Halbach array, over 20 cm: Galve et al., arXiv:2403.07761).
    """
    ppm = 200.0 if B0 < 0.2 else 30.0 if B0 < 0.5 else 1.0
    return Homogeneity(ppm, susceptibility=susceptibility)


def frequency_range(homogeneity: Homogeneity, B0: float) -> float:
    """Largest off-resonance in the head: ``Δf = γ/2π B0 · half range``, Hz."""
    return GYROMAGNETIC_RATIO * B0 * homogeneity.half_range * 1e-6


def range_in_voxel(homogeneity: Homogeneity, B0: float, edge: float) -> float:
    """Range of frequencies inside a voxel.

        δf = γ/2π B0 (peak to peak / diameter) · edge: the mean slope across the sphere

    Args:
        homogeneity: of the magnet; susceptibility's own dephasing is in the tissues' T2*.
        B0: field strength, T.
        edge: longest edge of the voxel, m.

    Returns:
        δf, Hz.
    """
    return GYROMAGNETIC_RATIO * B0 * homogeneity.peak_to_peak * 1e-6 / homogeneity.diameter * edge


def smallest_pixel_bandwidth(
    homogeneity: Homogeneity, B0: float, *, largest_shift: float = 1.0, largest_fat_shift: float = 2.0
) -> float:
    """The bandwidth at which neither inhomogeneity nor chemical shift displaces anything too far along the readout.

        shift in voxels = Δf / pixel bandwidth

    Args:
        homogeneity: of the magnet with the head in it.
        B0: field strength, T.
        largest_shift: distortion that is allowed, voxels.
        largest_fat_shift: displacement of fat that is allowed, voxels.

    Returns:
        Smallest pixel bandwidth, Hz.

    Raises:
        ValueError: an allowed shift that is not above 0.
    """
    if not min(largest_shift, largest_fat_shift) > 0:
        raise ValueError(f"allowed shifts must be above 0 voxels, but are {largest_shift} and {largest_fat_shift}")
    fat = GYROMAGNETIC_RATIO * B0 * FAT_SHIFT * 1e-6
    return max(frequency_range(homogeneity, B0) / largest_shift, fat / largest_fat_shift)


def dephasing(frequency_range: float, echo_time: float) -> float:
    """What is left of a gradient echo when frequencies spread evenly over a range: ``|sinc(δf TE)|``."""
    x = math.pi * frequency_range * echo_time
    return abs(math.sin(x) / x) if x else 1.0


def maxwell_frequency(gradient: float, distance: float, B0: float) -> float:
    """Off-resonance that a gradient across B0 makes at a distance along B0.

        f_c = γ/2π G² z² / (2 B0)

    Args:
        gradient: G of a transverse gradient (readout along x in a magnet along z), T/m.
        distance: z from the isocentre, m.
        B0: field strength, T.

    Returns:
        f_c, Hz. Inversely proportional to B0; its phase is 2π f_c t.

    Source: Bernstein et al., Magn Reson Med 39:300 (1998), eq. 2.
    """
    return GYROMAGNETIC_RATIO * gradient**2 * distance**2 / (2 * B0)
