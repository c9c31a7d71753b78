"""The numbers that a user asks for: SNR of tissues, contrast, time, at one or several field strengths."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from bloch.snr.echo_signal import FieldSpread, echo_signal, tissue_times
from bloch.snr.head_receiver import HeadReceiver, intrinsic_snr
from bloch.snr.inhomogeneity import FAT_SHIFT, Homogeneity, frequency_range, range_in_voxel, typical_homogeneity
from bloch.snr.scan_plan import ScanPlan, scan_time
from bloch.tissue import GYROMAGNETIC_RATIO, tissue

TISSUES = ("grey_matter", "white_matter", "csf", "tumour")
CONTRASTS = (("grey_matter", "white_matter"), ("tumour", "white_matter"))


@dataclass(frozen=True)
class SnrRow:
    """One scan at one field strength.

    Attributes:
        B0: field strength, T.
        plan: the scan.
        snr: of each tissue, mean over the brain.
        snr_at_centre: of each tissue, in the middle of the coil.
        cnr: difference of two tissues over the noise, mean over the brain, by ``"first/second"``.
        scan_time: s.
        fat_shift: of fat along the readout, voxels.
        distortion: largest displacement by inhomogeneity along the readout, voxels.
    """

    B0: float
    plan: ScanPlan
    snr: dict[str, float]
    snr_at_centre: dict[str, float]
    cnr: dict[str, float]
    scan_time: float
    fat_shift: float
    distortion: float

    def per_root_minute(self, value: float) -> float:
        """An SNR or CNR divided by the root of the scan time in minutes: what averaging cannot improve."""
        return value / math.sqrt(self.scan_time / 60)

    def time_for(self, tissue_name: str, wanted: float) -> float:
        """Scan time, s, at which averaging brings a tissue to the wanted SNR; averages need not be whole."""
        return self.scan_time * (wanted / self.snr[tissue_name]) ** 2


def field_spread(plan: ScanPlan, homogeneity: Homogeneity, B0: float) -> FieldSpread:
    """Off-resonance of a scan in a magnet."""
    return FieldSpread(range_in_voxel(homogeneity, B0, max(plan.voxel_size)), frequency_range(homogeneity, B0))


def snr_table(
    fields: Sequence[float],
    plan: ScanPlan,
    *,
    receiver: HeadReceiver,
    tissues: Sequence[str] = TISSUES,
    contrasts: Sequence[tuple[str, str]] = CONTRASTS,
    homogeneity: Homogeneity | None = None,
) -> list[SnrRow]:
    """SNR, contrast and scan time of a scan at each field strength.

        SNR = |m(B0)| ΔV √(listening time) ψ(B0),   CNR = | |m_a| − |m_b| | ΔV √(listening time) ψ(B0)

    with ψ of :func:`bloch.snr.intrinsic_snr`, m of :func:`bloch.snr.echo_signal`, tissues of :mod:`bloch.tissue`.

    Args:
        fields: field strengths, T, 0.01 to 7.
        plan: the scan.
        receiver: coils and head; its first point is reported as the centre.
        tissues: names in the tissue table.
        contrasts: pairs of names; their tissues are added where ``tissues`` lacks them.
        homogeneity: of the magnet; :func:`bloch.snr.typical_homogeneity` of each field where None.

    Returns:
        A row for each field.

    Raises:
        ValueError: an unknown tissue, a field out of range, or no field at all.

    Warns:
        UserWarning: a tissue's relaxation is extrapolated; inhomogeneity displaces by more than two voxels.
    """
    if not fields:
        raise ValueError("no field strength is given; expected at least one, in T")
    names = list(dict.fromkeys([*tissues, *(name for pair in contrasts for name in pair)]))
    return [_row(B0, plan, receiver, names, contrasts, homogeneity) for B0 in fields]


def table_cells(rows: Sequence[SnrRow]) -> tuple[list[str], list[list[str]]]:
    """A table for the screen: a line for each quantity, a column for each field strength.

    Args:
        rows: of :func:`snr_table`.

    Returns:
        The heading, ``["", "0.064 T", …]``, and the lines, label first.
    """
    first = rows[0]
    lines = [[f"SNR {_words(name)}", *(_plain(row.snr[name]) for row in rows)] for name in first.snr]
    lines += [[f"CNR {_words(name)}", *(_plain(row.cnr[name]) for row in rows)] for name in first.cnr]
    lines += [
        [f"SNR {_words(name)} in the centre", *(_plain(row.snr_at_centre[name]) for row in rows)] for name in first.snr
    ]
    lines += [
        [f"SNR {_words(name)} / √min", *(_plain(row.per_root_minute(row.snr[name])) for row in rows)]
        for name in first.snr
    ]
    lines += [
        [f"CNR {_words(name)} / √min", *(_plain(row.per_root_minute(row.cnr[name])) for row in rows)]
        for name in first.cnr
    ]
    lines.append(["scan time / min", *(_plain(row.scan_time / 60) for row in rows)])
    lines.append(["shift of fat / voxels", *(f"{row.fat_shift:.2g}" for row in rows)])
    lines.append(["largest distortion / voxels", *(f"{row.distortion:.2g}" for row in rows)])
    return ["", *(f"{row.B0:g} T" for row in rows)], lines


def _row(
    B0: float,
    plan: ScanPlan,
    receiver: HeadReceiver,
    names: Sequence[str],
    contrasts: Sequence[tuple[str, str]],
    homogeneity: Homogeneity | None,
) -> SnrRow:
    homogeneity = typical_homogeneity(B0) if homogeneity is None else homogeneity
    distortion = frequency_range(homogeneity, B0) / plan.pixel_bandwidth
    if distortion > 2:
        warnings.warn(
            f"At {B0} T inhomogeneity displaces by up to {distortion:.2g} voxels at {plan.pixel_bandwidth:.4g} Hz per "
            "pixel; a larger bandwidth, or a more homogeneous magnet, keeps the image in shape.",
            stacklevel=3,
        )
    signals = echo_signal(plan, tissue_times([tissue(name, B0) for name in names]), field_spread(plan, homogeneity, B0))
    m = dict(zip(names, signals.tolist(), strict=True))
    psi = intrinsic_snr(receiver, B0) * plan.voxel_volume * math.sqrt(plan.listening_time)
    mean, centre = float(psi.mean()), float(psi[0])
    return SnrRow(
        B0,
        plan,
        snr={name: mean * m[name] for name in names},
        snr_at_centre={name: centre * m[name] for name in names},
        cnr={f"{a}/{b}": mean * abs(m[a] - m[b]) for a, b in contrasts},
        scan_time=scan_time(plan),
        fat_shift=GYROMAGNETIC_RATIO * B0 * FAT_SHIFT * 1e-6 / plan.pixel_bandwidth,
        distortion=distortion,
    )


def _plain(value: float) -> str:
    """Three figures, without an exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _words(name: str) -> str:
    return name.replace("_", " ")
