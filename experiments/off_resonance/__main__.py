"""``python -m experiments.off_resonance``: images with and without the fields in the operator; writes result.md."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
import torch
from rich.console import Console

from bloch.play import sample_times
from bloch.scanner import Scanner
from bloch.sequence import Encoding, Sequence
from experiments.machine import page_head
from experiments.off_resonance import fields, scan
from experiments.off_resonance.reconstruction import (
    displacement,
    image_axes,
    measured,
    nrmse,
    reconstructed,
)
from pirecon.encoding import (
    MaxwellMoments,
    concomitant_evolution,
    moments_of_sequence,
    off_resonance_evolution,
    sorted_moments,
    with_imperfect_refocusing,
)
from pirecon.rawdata import is_cartesian

matplotlib.use("Agg")

HERE = Path(__file__).parent
B0 = 0.05
READOUTS: tuple[tuple[str, Callable[[Encoding, Scanner], Sequence], float], ...] = (
    ("Cartesian, 20 kHz", scan.cartesian, 25e-6),
    ("spiral, 8 interleaves", scan.spiral, 10e-6),
    ("EPI, 8 shots", scan.epi, 5e-6),
)
HEAD = ["NRMSE without", "NRMSE with", "displacement without", "displacement with", "components"]


def field_cases(seed: int) -> list[tuple[str, scan.Field | None]]:
    """Name and field; None for none."""
    cases: list[tuple[str, scan.Field | None]] = [("none", None)]
    for strength in (50.0, 200.0, 500.0):
        cases += [(f"constant {sign * strength:+.0f} Hz", fields.constant(sign * strength)) for sign in (1, -1)]
        cases.append((f"smooth, up to ±{strength:.0f} Hz", fields.smooth(strength, seed)))
    return [*cases, ("steep, ±500 Hz", fields.steep(500.0))]


def with_spacing(sequence: Sequence) -> float | None:
    """Echo spacing that the simulator's header leaves out, s; None where there are no trains."""
    if sequence.encoding is None or sequence.encoding.trajectory != "epi":
        return None
    starts = sample_times(sequence)[:, 0]
    return float(starts[10] - starts[3]) / 7  # behind three lines for phase correction


def off_resonance_rows(name: str, make: Callable[[Encoding, Scanner], Sequence], dwell: float) -> list[str]:
    """Every field on one readout."""
    scanner, rows, pictures = scan.scanner_of(B0), [], []
    sequence = make(scan.encoding_of(coronal=False, offset=0.0, sample_time=dwell), scanner)
    spacing = with_spacing(sequence)
    for seed, snr in ((1, None), (2, None), (3, 20.0)):
        discs = scan.random_discs(seed)
        clean = scan.play(scan.phantom_of(discs, None, B0, coronal=False), sequence, scanner)
        reference = reconstructed(measured(clean, echo_spacing=spacing), None)
        for label, field in field_cases(seed) if seed == 1 else field_cases(seed)[3::3]:
            played = scan.play(scan.phantom_of(discs, field, B0, coronal=False), sequence, scanner, snr=snr)
            data = measured(played, echo_spacing=spacing)
            y, x = image_axes()
            df = torch.zeros_like(x) if field is None else field(y, x)
            evolution = off_resonance_evolution(df.unsqueeze(0).float(), data.times.times)
            pair = [reconstructed(data, e) for e in (None, evolution)]
            noisy = "" if snr is None else f", SNR {snr:.0f}"
            rows.append(row([name, f"{label}, discs {seed}{noisy}"], pair, reference, discs, len(evolution.basis)))
            if label.endswith("±500 Hz") and seed == 1:
                pictures.append([reference, *pair])
    picture(HERE / f"{name.split(',')[0].lower()}.png", pictures)
    return rows


MAXWELL = (
    ("none (isocentre, weak gradients)", scan.cartesian, 25e-6, False, 0.0),
    ("spiral, axial, 8 cm off centre", scan.spiral, 10e-6, False, 0.08),
    ("spiral, coronal", scan.spiral, 10e-6, True, 0.0),
    ("Cartesian 80 kHz, coronal", scan.cartesian, 6e-6, True, 0.0),
    ("echo train 8, coronal, ideal pulses", scan.echo_train, 10e-6, True, 0.0),
    ("echo train 8, axial 8 cm off centre, ideal pulses", scan.echo_train, 10e-6, False, 0.08),
    ("echo train 8, coronal, selective pulses", scan.selective_train, 10e-6, True, 0.0),
    ("echo train 8, axial 8 cm off centre, selective pulses", scan.selective_train, 10e-6, False, 0.08),
)


def maxwell_rows() -> list[str]:
    """Every sequence with concomitant fields, against the same scan without."""
    scanner, discs, rows, pictures = scan.scanner_of(B0), scan.random_discs(1), [], []
    for label, make, dwell, coronal, offset in MAXWELL:
        sequence = make(scan.encoding_of(coronal=coronal, offset=offset, sample_time=dwell), scanner)
        phantom = scan.phantom_of(discs, None, B0, coronal=coronal)
        clean, played = (scan.play(phantom, sequence, scanner, concomitant=acting) for acting in (False, True))
        reference, data = reconstructed(measured(clean), None), measured(played)
        moments = moments_of_image(played)
        evolution = concomitant_evolution(moments, data.geometry, B0=B0)
        pair = [reconstructed(data, e) for e in (None, evolution)]
        rows.append(row([label], pair, reference, discs, len(evolution.basis)))
        pictures.append([reference, *pair])
    picture(HERE / "maxwell.png", pictures[1:])
    return rows


def moments_of_image(played: scan.Played) -> MaxwellMoments:
    """Of the sequence, where the samples of the image are."""
    moments = with_imperfect_refocusing(moments_of_sequence(played.sequence), played.sequence)
    return sorted_moments(played.raw, moments) if is_cartesian(played.raw) else moments


def row(labels: list[str], pair: list[np.ndarray], reference: np.ndarray, discs: scan.Discs, n_components: int) -> str:
    """Of the table."""
    errors = [f"{nrmse(image, reference):.4f}" for image in pair]
    shifts = [f"{displacement(image, reference, discs):.3f}" for image in pair]
    found = "| " + " | ".join([*labels, *errors, *shifts, str(n_components)]) + " |"
    Console().print(found, highlight=False)
    return found


def picture(path: Path, rows: list[list[np.ndarray]]) -> None:
    """Reference, without, with, and five times what is left."""
    import matplotlib.pyplot as plt

    lines = [np.concatenate([r, a, c, 5 * abs(c - r)], axis=1) / r.max() for r, a, c in rows]
    plt.imsave(path, np.concatenate(lines).repeat(2, 0).repeat(2, 1), cmap="gray", vmin=0, vmax=1)


def table(first: list[str]) -> list[str]:
    """Its head."""
    return ["| " + " | ".join([*first, *HEAD]) + " |", "| " + "--- | " * len(first) + "---: | " * len(HEAD)]


def main() -> None:
    """Play, reconstruct, write."""
    lines = page_head(
        "Off-resonance and Maxwell fields in the forward operator",
        "off_resonance",
        f"Matrix {scan.MATRIX}², {B0} T, seeds 1 to 3",
    )
    lines += [
        "## Off-resonance",
        "",
        *table(["readout", "field"]),
    ]
    for name, make, dwell in READOUTS:
        lines += off_resonance_rows(name, make, dwell)
    lines += ["", "## Maxwell fields", "", *table(["scan"]), *maxwell_rows()]
    (HERE / "result.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
