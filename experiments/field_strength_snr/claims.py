"""Published and popular claims, beside what is computed here."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bloch.receiver import equilibrium_magnetisation, signal_factor, volume_coil
from bloch.snr import brain_points, head_receiver, intrinsic_snr, with_crossover
from bloch.tissue import tissue
from experiments.field_strength_snr.anatomy import Anatomy
from experiments.field_strength_snr.artefacts import PIXEL_BANDWIDTH, artefacts_at
from experiments.field_strength_snr.limits import exponent, exponent_between, mean_snr, standard_receivers
from experiments.field_strength_snr.published import Published, of_kind
from experiments.field_strength_snr.sweep import FieldResult
from experiments.field_strength_snr.tables import markdown


def claims(heads: Sequence[Anatomy], results: Sequence[FieldResult]) -> str:
    """Each claim with what is found and whether it holds here."""
    rows = [
        *_physics(heads),
        *_receiver(),
        *_contrast(results),
    ]
    return markdown(["claim", "found here", "verdict"], rows)


def exponents_beside_published() -> str:
    """Published exponents and the model's over the same fields."""
    receivers = standard_receivers()
    rows = []
    for row in of_kind("exponent"):
        found = [
            exponent_between(mean_snr(receivers[coil]), row.B0_low, row.B0_high)
            for coil in ("8 loops", "quadrature coil")
        ]
        inside = row.sd is None or any(abs(value - row.value) <= 2 * row.sd for value in found)
        value = f"{row.value:g}" if row.sd is None else f"{row.value:g} ± {row.sd:g}"
        cells = [f"{row.B0_low:g}–{row.B0_high:g} T", row.what, value, *(f"{v:.2f}" for v in found)]
        rows.append([*cells, "yes" if inside else "**no**", f"{row.source} ({row.check})"])
    head = ["field", "what", "published", "8 loops", "quadrature coil", "within 2 SD", "source"]
    return markdown(head, rows)


def noise_figures() -> str:
    """The law of the crossover against a measured coil: one number fixes the other four."""
    rows = []
    for row in of_kind("coil_noise_figure"):
        predicted = 10 * math.log10(1 + (1.0 / row.B0_low) ** 1.5)
        rows.append([f"{row.B0_low:g} T", f"{row.value:g} dB", f"{predicted:.2f} dB", row.source])
    return markdown(["field", "published", "1 + (1 T / B0)^(3/2)", "source"], rows)


def absolute() -> tuple[float, float]:
    """The model's absolute SNR of a quadrature coil at the head's centre over B0 at 1 T, Hz^½ ml⁻¹ T⁻¹.

    Returns:
        Without any noise figure, and with the 3.4 dB that the measurement found for its scanners.
    """
    receiver = head_receiver(volume_coil(), points=brain_points()[:1])
    with_preamplifier = float(intrinsic_snr(receiver, 1.0)[0]) * 1e-6
    bare = with_preamplifier * 10 ** (receiver.noise_figure / 20)
    return bare, bare / 10 ** (3.4 / 20)


def _physics(heads: Sequence[Anatomy]) -> list[list[str]]:
    low, high = (artefacts_at(B0, float(np.mean([h.susceptibility for h in heads]))) for B0 in (0.05, 1.5))
    M, V = exponent(equilibrium_magnetisation, 0.5), exponent(signal_factor, 0.5)
    px = PIXEL_BANDWIDTH
    return [
        [
            "Magnetisation grows as B0² (popular)",
            f"magnetisation grows as B0^{M:.3f}: {1e3 * equilibrium_magnetisation(0.05):.2f} mA/m at 0.05 T, "
            f"{1e3 * equilibrium_magnetisation(1.5):.2f} mA/m at 1.5 T; the induced voltage grows as B0^{V:.3f}",
            _verdict(abs(M - 2) < 0.01),
        ],
        [
            "Chemical shift is worse at low field (popular)",
            f"fat lies {low.fat:.1f} Hz ({low.fat / px:.2g} voxels at {px:g} Hz per pixel) from water at 0.05 T, "
            f"{high.fat:.0f} Hz ({high.fat / px:.2g} voxels) at 1.5 T",
            _verdict(low.fat > high.fat),
        ],
        [
            "Susceptibility artefacts are worse at low field (popular)",
            f"±{low.susceptibility:.1f} Hz over 95 % of the brain at 0.05 T, ±{high.susceptibility:.0f} Hz at 1.5 T",
            _verdict(low.susceptibility > high.susceptibility),
        ],
        [
            "What grows at low field is the magnet's inhomogeneity in ppm, and Maxwell terms",
            f"magnet: ±{low.magnet:.0f} Hz (200 ppm) at 0.05 T, ±{high.magnet:.0f} Hz (1 ppm) at 1.5 T; Maxwell phase "
            f"of a lobe of 10 mT/m for 5 ms, 10 cm off centre: {low.maxwell_phase:.1f} rad at 0.05 T, "
            f"{high.maxwell_phase:.2f} rad at 1.5 T",
            _verdict(low.magnet > high.magnet and low.maxwell > high.maxwell),
        ],
    ]


def _receiver() -> list[list[str]]:
    snr = {coil: mean_snr(receiver) for coil, receiver in standard_receivers().items()}
    array = snr["8 loops"]
    (hori,), (vaughan,) = ([row for row in of_kind("ratio") if row.B0_low == B0] for B0 in (0.2, 4.0))
    found = array(3.0) / array(0.2)
    gain = array(7.0) / array(4.0)
    local = [exponent(array, B0) for B0 in (0.05, 0.1, 0.2, 0.3)]
    late = exponent(mean_snr(with_crossover(standard_receivers()["8 loops"], 2.0)), 0.05)
    quadrature = snr["quadrature coil"]
    per_tesla = [quadrature(B0) / B0 for B0 in (0.5, 1.5)]
    bare, noisy = absolute()
    (measured,), (theory,) = of_kind("absolute"), of_kind("absolute_theory")
    return [
        [
            f"3 T has {hori.value:g} times the SNR of 0.2 T ({hori.source})",
            f"{found:.0f} times for fully relaxed water: 0.2 T still has copper noise. The 15 is the body-noise limit",
            _verdict(abs(found / hori.value - 1) < 0.1),
        ],
        [
            "SNR follows B0^x with x from 1.65 to 1.75 below 0.2 T (Rodriguez et al., Front Phys 11:1249771, 2023)",
            f"8 loops: x = {local[0]:.2f} at 0.05 T, {local[1]:.2f} at 0.1 T, {local[2]:.2f} at 0.2 T; a coil whose "
            f"crossover field is 0.4 T has {late:.2f} at 0.05 T",
            "only far below the crossover field",
        ],
        [
            "The gain flattens from about 0.2 T on (Rinck, Magnetic Resonance in Medicine, ch. 9)",
            f"the exponent falls from {local[0]:.2f} at 0.05 T to {local[3]:.2f} at 0.3 T, but relaxation apart never "
            "below 1",
            "in part",
        ],
        [
            f"SNR over B0 does not change with the field, 0.5–1.5 T ({measured.source})",
            f"it grows by {100 * (per_tesla[1] / per_tesla[0] - 1):.0f} % here (quadrature coil)",
            _verdict(abs(per_tesla[1] / per_tesla[0] - 1) < measured.sd / measured.value if measured.sd else False),
        ],
        [
            f"Absolute SNR of quadrature head coils: measured {_spread(measured)}, theory "
            f"{theory.value * 1e-4:.2f} × 10⁴ Hz^½ ml⁻¹ T⁻¹ ({measured.source})",
            f"theory here {bare * 1e-4:.2f} × 10⁴; with the same noise figure of 3.4 dB {noisy * 1e-4:.2f} × 10⁴",
            _verdict(abs(noisy - measured.value) < (measured.sd or 0)),
        ],
        [
            f"7 T has at least {vaughan.value:g} times the SNR of 4 T in the head ({vaughan.source})",
            f"{gain:.2f} times, quasi-static",
            _verdict(gain >= vaughan.value),
        ],
    ]


def _contrast(results: Sequence[FieldResult]) -> list[list[str]]:
    by_field = {result.B0: result for result in results}
    relative = {}
    for B0 in (0.05, 1.5):
        values = by_field[B0].nominal
        snr = 0.5 * (values["spin_echo", "fixed", "grey_matter"] + values["spin_echo", "fixed", "white_matter"])
        best = 0.5 * sum(values["spin_echo", "optimised", name] for name in ("grey_matter", "white_matter"))
        relative[B0] = (
            values["spin_echo", "fixed", "grey/white"] / snr,
            values["spin_echo", "optimised", "grey/white"] / best,
        )
    cnr = [by_field[B0].nominal["spin_echo", "optimised", "grey/white"] for B0 in (1.5, 7.0)]
    changes = _relaxation_changes()
    T1 = [tissue("grey_matter", B0).T1 for B0 in (0.05, 1.5)]
    return [
        [
            "Grey/white contrast is reduced at low field (Arnold et al., J Magn Reson Imaging 57:25, 2023, table 1)",
            f"CNR over SNR of the spin echo: fixed {relative[0.05][0]:.2f} at 0.05 T and {relative[1.5][0]:.2f} at "
            f"1.5 T; best {relative[0.05][1]:.2f} and {relative[1.5][1]:.2f}. CNR itself falls with the SNR",
            "CNR: holds; contrast over signal: hardly",
        ],
        [
            "CNR from T1 or T2 grows up to 1.5–2 T (Hart et al., 1983, from in vitro data)",
            f"best spin echo, grey/white: {cnr[1] / cnr[0]:.1f} times as much at 7 T as at 1.5 T",
            "it goes on growing, more slowly",
        ],
        [
            "From 1.5 to 0.55 T: T1 −32 %, T2 +26 %, T2* +40 % (Campbell-Washburn 2019, mean over their tissues)",
            "table, mean of grey and white matter: "
            + ", ".join(f"{name} {100 * change:+.0f} %" for name, change in changes.items()),
            "; ".join(
                f"{name} {_verdict(abs(changes[name] - row.value) < 0.1)}"
                for name, row in zip(changes, of_kind("relaxation"), strict=True)
            )
            + " (here brain, there many organs)",
        ],
        [
            "T1 grows at low field (teaching notes)",
            f"grey matter {1e3 * T1[0]:.0f} ms at 0.05 T, {1e3 * T1[1]:.0f} ms at 1.5 T",
            _verdict(T1[0] > T1[1]),
        ],
    ]


def _relaxation_changes() -> dict[str, float]:
    """Relative change of T1, T2, T2* from 1.5 to 0.55 T, mean of grey and white matter."""
    changes = {}
    for label, name in (("T1", "T1"), ("T2", "T2"), ("T2*", "T2_star")):
        ratios = [
            getattr(tissue(t, 0.55), name) / getattr(tissue(t, 1.5), name) for t in ("grey_matter", "white_matter")
        ]
        changes[label] = float(np.mean(ratios)) - 1
    return changes


def _verdict(holds: bool) -> str:
    return "holds" if holds else "**does not hold**"


def _spread(row: Published) -> str:
    return f"({row.value * 1e-4:.2f} ± {(row.sd or 0) * 1e-4:.2f}) × 10⁴"
