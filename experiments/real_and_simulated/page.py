"""result.md: tables and what they mean."""

from __future__ import annotations

import datetime

from experiments.real_and_simulated.compare import (
    ALIKE,
    DRAWN_PATIENTS,
    Level,
    Noise,
    mean_levels,
    noise_factors,
    order,
    pairs,
    real_levels,
    real_noise,
    simulated_levels,
    simulated_noise,
)
from experiments.real_and_simulated.protocols import CONTRASTS, N_PARTITIONS, N_SAMPLES, Contrast
from experiments.real_and_simulated.real import PATIENTS
from experiments.real_and_simulated.scan import PURE, TISSUES, Simulated

Scans = dict[str, list[Simulated]]


def page(simulated: Scans, prose: str) -> str:
    """Everything as Markdown.

    Args:
        simulated: scans of each contrast, one for each head.
        prose: what is made of the numbers.

    Returns:
        The page.
    """
    lines = [
        "# A simulated head beside real ones at 0.055 T",
        "",
        "Written by `python -m experiments.real_and_simulated`; [question.md](question.md) says how.",
        "",
        f"- Date: {datetime.date.today().isoformat()}",
        "",
        "![real and simulated](../../docs/figures/real_and_simulated.png)",
        "",
        "Left: two patients of Liu et al., Nat Commun 12:7238 (2021), from their raw data. Right: two random heads of "
        "bloch, played to isochromats, noise from first principles. Both by `pirecon` (adjoint), in radiological "
        "convention; every panel has its own window, from 0 to its 99th percentile. SNR is the median over the head "
        f"({N_PARTITIONS} partitions assumed for the simulation).",
        "",
        *_protocols(),
        *_contrast(simulated),
        *_noise(simulated),
    ]
    return "\n".join([*lines, "", prose.strip(), ""])


def _protocols() -> list[str]:
    rows = [
        f"| {c.title} | {c.protocol.repetition_time * 1e3:.0f} / {c.protocol.echo_time * 1e3:.1f} ms | {_train(c)} | "
        f"{c.bandwidth / 1e3:g} kHz | {c.n_lines} × {N_SAMPLES} |"
        for c in CONTRASTS
    ]
    return [
        "## Protocols (recalled, not confirmed)",
        "",
        "| scan | TR / TE | flip angle or train | bandwidth | lines × samples |",
        "| --- | --- | --- | --- | --- |",
        *rows,
        "",
        "Times, flip angle, bandwidths and the number of partitions are recalled from the paper and were not "
        "confirmed: its abstract was found, its methods were not. The length of the FLAIR's train is our choice "
        "(TE in its middle). The matrices are those of the real files.",
        "",
    ]


def _train(contrast: Contrast) -> str:
    p = contrast.protocol
    if p.echo_spacing is None:
        return f"{p.flip_angle * 57.29578:.0f}°"
    return f"{p.echo_train_length} echoes, {p.echo_spacing * 1e3:.2f} ms apart"


def _contrast(simulated: Scans) -> list[str]:
    lines = ["## Contrast", "", "Magnitude over white matter's, mean ± standard deviation over voxels.", ""]
    lines += [f"| scan | image | {' | '.join(TISSUES)} |", f"| --- | --- |{' --- |' * len(TISSUES)}"]
    orders = [
        "", f"Order, with ≈ between neighbours that differ by less than {ALIKE:.0%}, and the six pairs of tissues: "
        "both say the same, one of them finds the two alike, or they say the contrary.", "",
        "| scan | real | simulated | same | one alike | contrary |", "| --- | --- | --- | --- | --- | --- |",
    ]  # fmt: skip
    for contrast in CONTRASTS:
        name = contrast.name
        real = {f"patient {p}": real_levels(p, name) for p in DRAWN_PATIENTS}
        heads = {f"simulated head {i + 1}": simulated_levels(s) for i, s in enumerate(simulated[name])}
        lines += [
            f"| {contrast.title} | {image} | {' | '.join(_level(levels[t]) for t in TISSUES)} |"
            for image, levels in {**real, **heads}.items()
        ]
        measured, played = mean_levels([*real.values()]), mean_levels([*heads.values()])
        found = pairs(measured, played)
        listed = " | ".join(", ".join(found[k]) or "–" for k in ("same", "one alike", "contrary"))
        orders.append(f"| {contrast.title} | {order(measured)} | {order(played)} | {listed} |")
    note = "Real: regions drawn by eye ([regions.toml](regions.toml)). Simulated: voxels that one tissue fills to "
    note += f"{PURE:.0%}. In brackets: voxels."
    return [*lines, "", note, *orders, ""]


def _level(level: Level) -> str:
    return f"{level.mean:.2f} ± {level.spread:.2f} ({level.voxels})"


def _noise(simulated: Scans) -> list[str]:
    lines = [
        "## Noise level",
        "",
        "| scan | image | SNR, median of the head | SNR of white matter | noise in air | outer lines |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for contrast in CONTRASTS:
        rows = {f"patient {p}": real_noise(p, contrast.name) for p in PATIENTS}
        rows |= {f"simulated head {i + 1}": simulated_noise(s) for i, s in enumerate(simulated[contrast.name])}
        lines += [f"| {contrast.title} | {image} | {_noise_row(n)} |" for image, n in rows.items()]
    lines += [
        "", "| scan | real / simulated, head | the same, white matter | the same, without the factor √n |",
        "| --- | --- | --- | --- |",
    ]  # fmt: skip
    for name, (head, white) in noise_factors(simulated).items():
        lines.append(f"| {name} | {head:.2f} | {white:.2f} | {white * N_PARTITIONS**0.5:.1f} |")
    return [
        *lines,
        "",
        "Noise in air: standard deviation of the real part in the corners of the image, 1 where its estimate is right. "
        "Outer lines: noise of the outermost eighth of the phase-encoding lines over that of lines nearer to the "
        "middle, in the outermost samples, which hold next to no signal; 1 is k-space as it was measured.",
    ]


def _noise_row(noise: Noise) -> str:
    white = "no regions" if noise.white != noise.white else f"{noise.white:.1f}"
    return f"{noise.head:.1f} | {white} | {noise.air:.2f} | {noise.outer_lines:.2f}"
