"""Raw files of the isochromats through software of others (MRpro, the ISMRMRD tools, BART), and through pirecon."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import h5py
import ismrmrd
import numpy as np

import pirecon
from bloch.rawfile import RawScan, write_mrd
from experiments.independent import scanned
from experiments.independent.part import Part, Row, best_scale, relative_difference
from experiments.speed import bart

TOOL = "ismrmrd_recon_cartesian_2d"
NO_TOOL = f"{TOOL} is not installed (Debian and Ubuntu: apt install ismrmrd-tools), so it read nothing."
NO_MRPRO = (
    "The environment variable PEERS_DIR names no folder with main/bin/python and MRpro in it, so MRpro read nothing."
)

ABOUT = (
    "A gradient echo of a letter F and a block (voxels of 7 × 8 mm, 4 coils, SNR 200, played by the isochromats) is "
    "written by `write_mrd` and read back by others. Coil images are complex and compared with sensitivity times "
    "magnetisation after one complex factor for all coils, combined images after one real factor; the noise is in the "
    "difference. pirecon alone answers in SNR units and gets no factor."
)


def compare() -> Part:
    """All readers."""
    part = Part("Readers of the raw file", ABOUT, "NRMSE of the image")
    machine = scanned.scanner()
    lines = scanned.scan(scanned.encoding((26, 24)), machine)
    square = scanned.square()
    spokes = scanned.scan(square, machine, readings=scanned.spokes(square, machine))
    beside = scanned.scan(square, machine, snr=None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_mrd(folder / "lines.h5", lines)
        write_mrd(folder / "spokes.h5", spokes)
        part.rows.extend(_pirecon(folder / "lines.h5", lines))
        _with_tool(part, folder / "lines.h5", lines)
        _with_bart(part, folder / "spokes.h5", beside)
        _with_mrpro(part, folder, {"lines": ("cartesian", lines), "spokes": ("radial", beside)})
    return part


def coil_images(scan: RawScan) -> np.ndarray:
    """Sensitivity times magnetisation, complex ``(coil, y, x)``, from the truth."""
    return scan.truth["sensitivity_maps"][0, :, 0] * scan.truth["image"][0, 0]


def fitted_difference(found: np.ndarray, wanted: np.ndarray) -> float:
    """NRMSE after the best factor."""
    return relative_difference(best_scale(found, wanted) * found, wanted)


def _pirecon(path: Path, scan: RawScan) -> list[Row]:
    expected = scanned.expected_snr(scan)
    found = abs(pirecon.reconstruct(path, method="cg-sense").data.numpy().squeeze())
    inside = expected > 0.5 * expected.max()
    error = abs(float(np.median(found[inside] / expected[inside])) - 1)
    return [
        Row("pirecon, lines, image in SNR units", relative_difference(found, expected), 0.05),
        Row("pirecon, lines, scale in SNR units (median over the object, minus 1)", error, 0.02),
    ]


def with_tool(path: Path) -> np.ndarray:
    """Image of the ISMRMRD tool, ``(y, x)``: the root of the sum of squares over the channels.

    It needs one slice, all lines, no reversed ones, and an even number of columns (it crops from the side of an odd
    one); it overwrites the noise scan with the lines that follow, and writes its image into the file.
    """
    subprocess.run([TOOL, str(path)], check=True, capture_output=True)
    with h5py.File(path) as file:
        written = [group for group in file["dataset"].values() if isinstance(group, h5py.Group) and "header" in group]
        return written[0]["data"][:].squeeze()


def _with_tool(part: Part, path: Path, scan: RawScan) -> None:
    if shutil.which(TOOL) is None:
        part.missing.append(NO_TOOL)
        return
    error = fitted_difference(with_tool(path), np.linalg.norm(coil_images(scan), axis=0))
    part.rows.append(Row(f"{TOOL}, lines, root sum of squares", error, 0.05))


def with_bart(path: Path) -> np.ndarray:
    """Coil images by BART's inverse NUFFT with the trajectory as it is in the file, ``(coil, y, x)``."""
    with ismrmrd.File(str(path), "r") as file:
        matrix = file["dataset"].header.encoding[0].encodedSpace.matrixSize
        read = [a for a in file["dataset"].acquisitions if not a.is_flag_set(ismrmrd.ACQ_IS_NOISE_MEASUREMENT)]
    k = np.stack([np.pad(a.traj, ((0, 0), (0, 1))) for a in read])  # (readout, sample, xyz)
    samples = np.stack([a.data for a in read])  # (readout, coil, sample)
    with tempfile.TemporaryDirectory() as folder:
        names = [Path(folder) / name for name in ("k", "samples", "image")]
        _write(names[0], k.transpose(2, 1, 0))
        _write(names[1], samples.transpose(2, 0, 1)[None])
        bart.bart("nufft", "-i", "-d", f"{matrix.x}:{matrix.y}:1", *names)
        return bart.read_cfl(names[2])


def _write(path: Path, array: np.ndarray) -> None:
    """In BART's order of axes."""
    dimensions = " ".join(map(str, array.shape + (1,) * (16 - array.ndim)))
    path.with_suffix(".hdr").write_text(f"# Dimensions\n{dimensions}\n")
    array.astype(np.complex64).ravel(order="F").tofile(path.with_suffix(".cfl"))


def _with_bart(part: Part, path: Path, beside: RawScan) -> None:
    if not bart.installed():
        part.missing.append(bart.MISSING)
        return
    error = fitted_difference(with_bart(path), coil_images(beside))
    part.rows.append(Row("BART nufft, spokes, coil images (beside those of lines)", error, 0.1))


def mrpro_python() -> Path | None:
    """The interpreter of MRpro's environment, ``$PEERS_DIR/main/bin/python``."""
    folder = os.environ.get("PEERS_DIR")
    path = None if folder is None else Path(folder) / "main" / "bin" / "python"
    return path if path is not None and path.exists() else None


def with_mrpro(python: Path, path: Path, trajectory: str) -> dict[str, np.ndarray]:
    """What :mod:`experiments.independent.mrpro_reader` says, by name."""
    out = path.with_suffix(".npz")
    script = Path(__file__).with_name("mrpro_reader.py")
    subprocess.run([str(python), str(script), str(path), trajectory, str(out)], check=True, capture_output=True)
    with np.load(out) as found:
        return dict(found)


def _with_mrpro(part: Part, folder: Path, scans: dict[str, tuple[str, RawScan]]) -> None:
    python = mrpro_python()
    if python is None:
        part.missing.append(NO_MRPRO)
        return
    for name, (trajectory, scan) in scans.items():
        found = with_mrpro(python, folder / f"{name}.h5", trajectory)
        wanted, limit = coil_images(scan), 0.05 if trajectory == "cartesian" else 0.1
        combined = np.linalg.norm(wanted, axis=0)  # MRpro's maps have length 1
        part.rows.append(Row(f"MRpro, {name}, coil images", fitted_difference(found["coils"], wanted), limit))
        part.rows.append(Row(f"MRpro, {name}, combined", fitted_difference(abs(found["combined"]), combined), limit))
