"""pirecon evaluate: benchmarks end to end, oracles, caches and errors."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from rich.console import Console

from pirecon.algebra.fft import centred_fft, centred_ifft, crop_or_pad_centre
from pirecon.encoding import CartesianSense
from pirecon.report.metrics import image_metrics
from pirecon.training.evaluation import measure
from pirecon.training.evaluation.benchmark import make_cases, read_benchmark, scan_case, variable_density_lines
from pirecon.training.evaluation.evaluate import evaluate, gain, run
from pirecon.training.evaluation.held_out import HeldOutImages, held_out_brain, load_held_out
from pirecon.training.evaluation.oracle import tune_strength
from pirecon.training.scans.anatomy import brain_image
from pirecon.unrolled import Architecture, ModelCard, build_network, load_checkpoint, save_checkpoint

CONFIG = """
name = "tiny"
output = "{folder}/tiny.json"
cache = "{folder}/cache"
methods = ["unrolled", "adjoint", "tv-oracle"]
processes = 1
networks = {{ unrolled = "{folder}/network.safetensors" }}

[images]
volumes = ["volume.nii.gz"]
voxel = 0.004

[cells]
coils = [[1, 1], [2, 3]]
accelerations = [2]
snr = [10]
calibration_lines = 16
"""


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    """A config with two cells of one scan each, a volume with an offset, and an untrained network."""
    y, x = np.meshgrid(np.linspace(-1, 1, 96), np.linspace(-1, 1, 80), indexing="ij")
    disc = (y**2 + x**2 < 0.7) * (2.0 + np.sin(7 * y) * np.cos(5 * x))
    volume = 1000 + 100 * np.stack([disc.T, disc.T[::-1]], -1)  # (x, y, z), counted from 1000
    nibabel.save(
        nibabel.Nifti1Image(volume.astype(np.float32), np.diag([2.0, 2.0, 5.0, 1.0])), tmp_path / "volume.nii.gz"
    )
    torch.manual_seed(3)
    architecture = Architecture(prior_options={"widths": [4, 8], "blocks": [1, 1]}, n_iterations=1)
    save_checkpoint(
        tmp_path / "network.safetensors", build_network(architecture), ModelCard(architecture, "0", "none", {})
    )
    path = tmp_path / "tiny.toml"
    path.write_text(CONFIG.format(folder=tmp_path))
    return path


def test_writes_every_scan_and_method(config_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = run(config_file, console=Console(stderr=True))
    stored = json.loads((config_file.parent / "tiny.json").read_text())
    with (config_file.parent / "tiny.csv").open() as file:
        rows = list(csv.DictReader(file))
    said = capsys.readouterr()
    assert "unrolled − better oracle" in said.out
    assert "tiny: scans" in said.err
    run(config_file, console=Console(stderr=True, quiet=True))
    assert capsys.readouterr() == ("", "")
    assert [cell["coils"] for cell in stored["cells"]] == [[1, 1], [2, 3]]
    assert len(rows) == 2 * 3
    assert stored["summary"]["gain"] == pytest.approx(np.mean([gain(case) for case in results.cases]))
    assert {int(row["n_coils"]) for row in rows} <= {1, 2, 3}
    for case in results.cases:
        assert case.matrix == (48, 40)
        assert case.methods["tv-oracle"].strength > 0
        assert case.methods["tv-oracle"].metrics.psnr > case.methods["adjoint"].metrics.psnr


def test_is_the_same_again_without_its_cache(config_file: Path) -> None:
    config = read_benchmark(config_file)
    first = evaluate(config)
    again = evaluate(replace(config, cache=str(config_file.parent / "elsewhere")))
    other = evaluate(replace(config, seed=config.seed + 1))
    assert again.cases == first.cases
    assert other.cases != first.cases


def test_a_new_checkpoint_leaves_classical_results(config_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = evaluate(read_benchmark(config_file))
    network, card = load_checkpoint(config_file.parent / "network.safetensors")
    network.log_weight.data += 1
    save_checkpoint(config_file.parent / "other.safetensors", network, card)
    asked: list[str] = []
    original = measure.reconstruct_scan

    def spy(scan, method, *, networks):  # type: ignore[no-untyped-def]
        asked.append(method)
        return original(scan, method, networks=networks)

    monkeypatch.setattr(measure, "reconstruct_scan", spy)
    second = evaluate(
        replace(read_benchmark(config_file), networks={"unrolled": str(config_file.parent / "other.safetensors")})
    )
    assert asked == ["unrolled", "unrolled"]
    assert first.weights != second.weights
    assert first.cases[0].methods["adjoint"] == second.cases[0].methods["adjoint"]
    assert first.cases[0].methods["unrolled"] != second.cases[0].methods["unrolled"]


def test_a_perfect_method_has_perfect_metrics(config_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "reconstruct_scan", lambda scan, method, *, networks: (scan.truth, 0.0))
    results = evaluate(read_benchmark(config_file))
    for case in results.cases:
        metrics = case.methods["unrolled"].metrics
        assert metrics.psnr == math.inf
        assert metrics.ssim == pytest.approx(1, abs=1e-12)
        assert metrics.nrmse == 0
        assert metrics.sharpness == pytest.approx(1)


def test_noise_has_unit_deviation_about_the_truth(config_file: Path) -> None:
    config = read_benchmark(config_file)
    for case in make_cases(config, load_held_out(config.images)):
        full = replace(case, acceleration=1.0)
        scan = scan_case(full)
        residual = scan.kspace - CartesianSense(scan.maps, scan.weights)(scan.truth)
        # One coil: noise alone. Several: also what the estimated maps do not explain, so not less than noise.
        level = float(residual.abs().square().mean() / 2) ** 0.5
        assert level == pytest.approx(1, abs=0.05) if scan.kspace.shape[0] == 1 else level > 0.95


@pytest.mark.parametrize("n_coils", [1, 6])
def test_an_oracle_on_the_acquired_grid_is_sinc_interpolated_in_place(config_file: Path, n_coils: int) -> None:
    config = read_benchmark(config_file)
    case = make_cases(config, load_held_out(config.images))[0]
    case = replace(case, coils=(n_coils, n_coils), acceleration=1.0, snr=300.0, super_resolution=2)
    scan = scan_case(case)
    image, _ = measure.reconstruct_scan(scan, "tv-oracle", networks={})
    window = crop_or_pad_centre(centred_fft(scan.truth, (-2, -1)), (24, 20))
    blurred = centred_ifft(crop_or_pad_centre(window, (48, 40)), (-2, -1))
    metrics = image_metrics(image, blurred)
    assert scan.kspace.shape[-2:] == (24, 20)
    assert metrics.nrmse < 0.03
    assert image_metrics(image, scan.truth).nrmse < 0.3
    assert image_metrics(image, scan.truth).sharpness < metrics.sharpness


def test_super_resolution_needs_whole_matrices(config_file: Path) -> None:
    config = read_benchmark(config_file)
    case = replace(make_cases(config, load_held_out(config.images))[0], super_resolution=3)
    with pytest.raises(ValueError, match=r"twice the super-resolution of 3 is not whole"):
        scan_case(case)


def test_offset_of_a_volume_is_removed(config_file: Path) -> None:
    series = load_held_out(read_benchmark(config_file).images)
    image = series[0][0].image
    assert image.shape == (48, 40)
    assert image[:4, :4].abs().max() < 0.05 * image.max()
    assert 200 < image.max() < 400


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("sede = 3", "did you mean 'seed'"),
        ("[cels]", "did you mean 'cells'"),
    ],
)
def test_unknown_key_names_the_nearest(config_file: Path, line: str, message: str) -> None:
    text = config_file.read_text()
    config_file.write_text(text + line if line.startswith("[") else f"{line}\n{text}")
    with pytest.raises(ValueError, match=message):
        read_benchmark(config_file)


def test_unknown_method_is_refused(config_file: Path) -> None:
    config_file.write_text(config_file.read_text().replace('"tv-oracle"', '"tv-orakel"'))
    with pytest.raises(ValueError, match=r"no method 'tv-orakel'; known: .*tv-oracle"):
        read_benchmark(config_file)


def test_everything_that_is_missing_is_said_at_once(tmp_path: Path) -> None:
    path = tmp_path / "guess.toml"
    path.write_text('methods = ["cg-sense"]\n[cells]\nsnr = [5]\n')
    with pytest.raises(ValueError, match=r"guess\.toml: missing: name .*output .*images\.field_strengths .*images"):
        read_benchmark(path)
    path.write_text('nam = "guess"\n')
    with pytest.raises(ValueError, match=r"guess\.toml: unknown key 'nam'.*'name'"):
        read_benchmark(path)


def test_a_network_that_would_not_be_measured_is_refused(config_file: Path) -> None:
    config_file.write_text(config_file.read_text().replace("networks = {", 'networks = { mine = "fast",'))
    with pytest.raises(ValueError, match=r"tiny\.toml: networks: mine would not be measured; add to methods"):
        read_benchmark(config_file)


def test_absent_volume_and_no_images(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no held-out volume .*absent\.nii"):
        load_held_out(HeldOutImages(volumes=(str(tmp_path / "absent.nii"),)))
    with pytest.raises(ValueError, match="no images"):
        load_held_out(HeldOutImages())


def test_too_many_calibration_lines(config_file: Path) -> None:
    config_file.write_text(config_file.read_text().replace("accelerations = [2]", "accelerations = [4]"))
    with pytest.raises(ValueError, match=r"measures 12 of 48 lines, fewer than the 16"):
        evaluate(read_benchmark(config_file))


@pytest.mark.parametrize(("n_lines", "acceleration", "n_centre"), [(129, 3, 17), (64, 1, 16), (90, 4, 16)])
def test_lines_are_as_many_as_asked(n_lines: int, acceleration: float, n_centre: int) -> None:
    lines = variable_density_lines(n_lines, acceleration, np.random.default_rng(1), n_centre=n_centre)
    start = n_lines // 2 - n_centre // 2
    assert lines.sum() == round(n_lines / acceleration)
    assert lines[start : start + n_centre].all()


@pytest.mark.parametrize("best", [0.06, 1.0, 1.3, 9.0])
def test_oracle_finds_the_best_strength(best: float) -> None:
    truth = torch.linspace(0, 1, 24, dtype=torch.complex64)

    def solve(strength: float) -> torch.Tensor:
        return truth + 0.01 + 0.1 * math.log(strength / best) ** 2

    tuned = tune_strength(solve, truth, start=1.0)
    assert tuned.strength == pytest.approx(best, rel=0.12)
    error = (tuned.image.abs() - truth.abs()).double().square().mean()
    assert tuned.psnr == pytest.approx(10 * math.log10(float(truth.abs().max()) ** 2 / float(error)), rel=1e-5)


def test_held_out_brains_are_not_those_of_training() -> None:
    # The generators differ, so anatomy, contrast and field do; equal pictures would mean a shared seed.
    ours = torch.from_numpy(held_out_brain(0, 0.1))
    theirs = torch.from_numpy(brain_image(0))
    assert image_metrics(ours, theirs).nrmse > 0.2
