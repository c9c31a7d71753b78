"""What journeys share: commands as a user types them, and raw files from our own simulator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

import bloch.cli
import pirecon.cli
from pirecon.unrolled import Architecture, ModelCard, build_network, save_checkpoint

Command = Callable[..., int]
Scan = Callable[..., Path]
Reconstruct = Callable[..., tuple[np.ndarray, str]]
Change = Callable[[np.ndarray], np.ndarray]
OVERSAMPLING = 2
"""Of the readout, by default of ``bloch simulate``."""


def expected_of(raw: Path, *, oversampling: int = OVERSAMPLING) -> np.ndarray:
    """What optimal coil combination of noise-free data gives in SNR units: |m| √(n Sᴴ Ψ⁻¹ S), ``(slice, z, y, x)``.

    Ψ = ½ E[n nᴴ] of a sample. Cutting the field of view of a readout that is sampled n times as densely keeps the noise
    of a sample and takes 1/n of the samples for the image, each with √n of its signal. Spokes and spirals are not cut:
    n = 1.

    Roemer et al., Magn Reson Med 16:192 (1990). All lines once; averaging raises it by √averages.
    """
    with h5py.File(raw) as file:
        image, maps, covariance = (
            file[f"dataset/truth/{name}"][:] for name in ("image", "sensitivity_maps", "noise_covariance")
        )
    if not covariance.any():
        return abs(image)
    whitened = np.einsum("ij,sjzyx->sizyx", np.linalg.inv(np.linalg.cholesky(covariance / oversampling)), maps)
    return abs(image) * np.linalg.norm(whitened, axis=1)


def relative_error(image: np.ndarray, truth: np.ndarray) -> float:
    """‖image − truth‖ / ‖truth‖, the scale included."""
    return float(np.linalg.norm(image - truth) / np.linalg.norm(truth))


def relative_difference(image: np.ndarray, truth: np.ndarray) -> float:
    """The same with the scale fitted to the truth."""
    return relative_error(image * np.vdot(image, truth) / np.vdot(image, image), truth)


def edited(raw: Path, path: Path, change: Change) -> Path:
    """A copy of a raw file with its table of readouts (``head``, ``traj``, ``data``) changed."""
    path.write_bytes(raw.read_bytes())
    with h5py.File(path, "r+") as file:
        table = change(file["dataset/data"][:])
        del file["dataset/data"]
        file.create_dataset("dataset/data", data=table, maxshape=(None,))
    return path


def _run(main: Callable[[], None], name: str, *arguments: object) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", [name, *map(str, arguments)])
        try:
            main()
        except SystemExit as end:
            return int(end.code or 0)
    return 0


def check_refusal(said: str, reason: str, out: Path) -> None:
    """One paragraph with the reason, no traceback, no image."""
    assert reason in said
    assert "Traceback" not in said
    assert 40 < len(said) < 1000
    assert not out.exists()


@pytest.fixture(scope="session")
def pirecon_command() -> Command:
    """Exit code of ``pirecon *arguments``."""
    return lambda *arguments: _run(pirecon.cli.main, "pirecon", *arguments)


@pytest.fixture(scope="session")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Raw file that ``bloch simulate *options`` writes, each made once."""
    folder, made = tmp_path_factory.mktemp("raw"), {}

    def simulate(*options: object) -> Path:
        if options not in made:
            path = folder / f"raw{len(made)}.h5"
            assert _run(bloch.cli.main, "bloch", "simulate", *options, "-q", "-o", path) == 0
            made[options] = path
        return made[options]

    return simulate


@pytest.fixture(scope="session")
def small_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained network, which reconstructs as CG-SENSE does, with a narrow training range."""
    torch.manual_seed(0)
    architecture = Architecture(prior_options={"widths": [4, 8], "blocks": [1, 1]}, n_iterations=2)
    path = tmp_path_factory.mktemp("checkpoint") / "small.safetensors"
    card = ModelCard(architecture, "0.1.0", "untrained", {"snr": (2.0, 60.0), "field_strength": (0.05, 0.1)})
    save_checkpoint(path, build_network(architecture), card)
    return path


@pytest.fixture
def reconstruct(pirecon_command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Reconstruct:
    """Magnitude image ``([slice,] y, x)`` of ``pirecon reconstruct *arguments``, and its notes, on one line."""

    def image_of(raw: Path, *arguments: object) -> tuple[np.ndarray, str]:
        out = tmp_path / "reconstructed.npy"
        method = () if "--method" in arguments else ("--method", "cg-sense")
        assert pirecon_command("reconstruct", raw, "-o", out, *method, *arguments) == 0
        notes, _, _ = " ".join(capsys.readouterr().err.split()).partition("wrote /")
        return abs(np.load(out)).squeeze(), notes

    return image_of
