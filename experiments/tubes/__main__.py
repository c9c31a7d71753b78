"""``python -m experiments.tubes``: tubes in an inhomogeneous field, real and simulated; writes result.md."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
import torch
from torch import Tensor

from experiments.machine import page_head
from experiments.tubes.ellipses import Ellipse, ellipses, lattice
from experiments.tubes.magnet import agreement, magnet_map
from experiments.tubes.simulated import row
from pirecon.algebra.fft import centred_ifft
from pirecon.calibration import (
    FieldMap,
    covariance_from_kspace,
    evaluate_field_model,
    field_map_from_shift_pair,
    fit_solid_harmonics,
    prewhiten,
    undistort_field_map,
)
from pirecon.calibration.voxel_positions import voxel_positions
from pirecon.encoding import undistort
from pirecon.rawdata import read_mrd, sort_kspace

matplotlib.use("Agg")

HERE = Path(__file__).parent
DATA = HERE.parents[2] / "shared" / "data"
HERTZ_PER_VOXEL = 20e3 / 128
SLICES = range(3, 11)  # with all of the tubes; the others show part of them or none
SHOWN, DEGREE = 6, 3
SEEDS = (1, 2)


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """Markdown."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines] + [""]


def images_and_field() -> tuple[Tensor, FieldMap]:
    """Images ``(2, 1, z, y, x)`` and the field where it is seen, before it is moved."""
    both = []
    for number in (1, 2):
        kspace = sort_kspace(read_mrd(DATA / f"tubes_0.0504T_shift{number}.h5"))
        both.append(centred_ifft(prewhiten(kspace, covariance_from_kspace(kspace)).data, (-3, -2, -1)))
    images = torch.stack(both)
    return images, field_map_from_shift_pair(images, (1e-6, 50e-6), geometry=kspace.geometry, hertz_per_voxel=None)


def corrected(image: Tensor, seen: FieldMap, hertz_per_voxel: float) -> tuple[Tensor, FieldMap, FieldMap]:
    """Image, the field's model on its grid, and the map that it was fitted to."""
    moved = undistort_field_map(seen, hertz_per_voxel=hertz_per_voxel)
    model = evaluate_field_model(fit_solid_harmonics(moved, DEGREE), seen.geometry)
    return undistort(image, model, hertz_per_voxel=hertz_per_voxel), model, moved


def round_tubes(snr: float, diameter: float = 4.6) -> list[float]:
    """Axis ratios of circles that are known to be circles: what noise and pixels make of them."""
    y, x = np.mgrid[:128, :128].astype(float)
    rng = np.random.default_rng(5)
    plane = np.zeros((128, 128))
    for cy in np.arange(20, 110, 10.17):
        for cx in np.arange(20, 110, 10.97):
            plane += np.clip(0.5 - (np.hypot(y - cy - rng.uniform(), x - cx - rng.uniform()) - diameter / 2), 0, 1)
    noisy = snr * plane + rng.normal(size=plane.shape) + 1j * rng.normal(size=plane.shape)
    return [e.axis_ratio for e in ellipses(noisy)]


def real_part() -> list[str]:
    """Ellipses, lattice, magnet."""
    images, seen = images_and_field()
    image = images[0, 0]
    good, model, moved = corrected(image, seen, HERTZ_PER_VOXEL)
    wrong, _, _ = corrected(image, seen, -HERTZ_PER_VOXEL)
    lines = ["## Real tubes at 50.4 mT", "", f"{seen.source[0].upper()}{seen.source[1:]}; then: {model.source}.", ""]
    rows, found = [], {}
    for name, volume in (("before", image), ("corrected", good), ("corrected with the other sign", wrong)):
        planes = {z: ellipses(volume[z].numpy()) for z in SLICES}
        found[name] = planes
        every = [e.axis_ratio for plane in planes.values() for e in plane]
        lattices = [lattice(np.array([e.centre for e in plane])) for plane in planes.values()]
        rows.append([
            name, f"{len(every)}", f"{np.median(every):.2f}", f"{np.quantile(every, 0.9):.2f}",
            f"{np.mean([grid.angle for grid in lattices]):.1f}°",
            f"{np.mean([grid.residual for grid in lattices]):.2f}",
        ])  # fmt: skip
    head = ["image", "tubes in 8 slices", "axis ratio, median", "90 % below", "angle of the lattice", "off it, voxels"]
    lines += table(head, rows)
    snr = float(
        np.median([image[SHOWN].abs().numpy()[tuple(np.round(e.centre).astype(int))] for e in found["before"][SHOWN]])
    )
    noise = float(image[SHOWN, :15].abs().double().square().mean().sqrt()) / np.sqrt(2)
    ideal = round_tubes(snr / noise)
    lines += [
        f"Circles of the same size at the same SNR ({snr / noise:.0f}) measure {np.median(ideal):.2f} (90 % below "
        f"{np.quantile(ideal, 0.9):.2f}): that is how round the method can call anything.", "",
        "![Before and corrected](tubes.png)", "", f"### Every tube of slice {SHOWN}", "",
    ]  # fmt: skip
    lines += tube_table(found["before"][SHOWN], found["corrected"][SHOWN])
    lines += magnet_part(moved, model)
    picture(image, good, model)
    return lines


def tube_table(before: list[Ellipse], after: list[Ellipse]) -> list[str]:
    """Row by row, from left to right, before and after."""
    rows = []
    pairs = zip(_in_order(before), _in_order(after), strict=False)
    for number, (a, b) in enumerate(pairs, start=1):
        rows.append([
            f"{number}", f"({a.centre[0]:.1f}, {a.centre[1]:.1f})", f"{a.axis_ratio:.2f}",
            f"({b.centre[0]:.1f}, {b.centre[1]:.1f})", f"{b.axis_ratio:.2f}",
        ])  # fmt: skip
    return table(["tube", "place (y, x) before", "axis ratio before", "place corrected", "axis ratio corrected"], rows)


def _in_order(tubes: list[Ellipse]) -> list[Ellipse]:
    top = min(e.centre[0] for e in tubes)
    return sorted(tubes, key=lambda e: (round((e.centre[0] - top) / 10.17), e.centre[1]))


def magnet_part(moved: FieldMap, model: FieldMap) -> list[str]:
    """The pair's field against the magnet's."""
    known = (moved.reliability > 0).numpy()
    known[[z for z in range(len(known)) if z not in SLICES]] = False
    places = voxel_positions(moved.geometry)[0].numpy()
    points = places[known] @ np.asarray(moved.geometry.directions).T  # along z, y, x of the image
    field, even = model.off_resonance.numpy()[known].astype(float), (np.argwhere(known)[:, 0] % 2) == 0
    rows = []
    for name in ("Post_shimmed", "Pre_shimmed"):
        measured = magnet_map(DATA / "tubes_0.0504T_field_map.mat", name)
        for order, what in ((0, "as it is"), (1, "without constant and linear terms")):
            best = agreement(measured, points, field, even, order=order)
            rows.append([
                f"{name}, {what}", best.orientation, f"{best.correlation:.2f}", f"{best.spread:.0f} Hz",
                f"{best.residual:.0f} Hz", best.rank,
            ])  # fmt: skip
    head = ["measured map", "orientation chosen", "correlation", "pair's field, SD", "residual", "the other 95"]
    lines = [
        "### The measured magnet",
        "",
        f"The pair's field has a standard deviation of {field.std():.0f} Hz in the tubes.",
        "",
    ]
    return lines + table(head, rows)


def picture(before: Tensor, after: Tensor, model: FieldMap) -> None:
    """Magnitude before and after, and the field."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
    for axis, plane, title in ((axes[0], before, "Fourier transform"), (axes[1], after, "corrected")):
        axis.imshow(plane[SHOWN].abs().numpy(), cmap="gray")
        axis.set_title(title)
    shown = axes[2].imshow(model.off_resonance[SHOWN].numpy(), cmap="RdBu_r")
    axes[2].set_title("field, Hz")
    figure.colorbar(shown, ax=axes[2])
    for axis in axes:
        axis.set_axis_off()
    figure.savefig(HERE / "tubes.png", dpi=80)
    plt.close(figure)


def simulated_part() -> list[str]:
    """Random magnets, SNR and numbers of echoes."""
    rows = [row(120.0, snr, n, seed) for seed in SEEDS for n in (2, 3) for snr in (5.0, 10.0, 20.0)]
    rows += [row(0.0, 10.0, 2, SEEDS[0])]
    head = ["field in the tubes", "SNR", "echoes", "error, RMS", "largest", "tubes off, voxels", "undistorted"]
    return ["## Simulated tubes in the field of a random magnet", "", *table(head, rows)]


def main() -> None:
    """Measure and write."""
    lines = page_head("Tubes in an inhomogeneous field", "tubes", f"Seeds {', '.join(map(str, SEEDS))}")
    lines += real_part() if DATA.is_dir() else ["The real files are not here (shared/data beside the checkout).", ""]
    lines += simulated_part()
    (HERE / "result.md").write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
