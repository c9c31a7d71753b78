"""What ``pirecon reconstruct`` does about interference, ghosts, relaxation and fields, against the truth."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import ismrmrd
import nibabel
import numpy as np
import pytest

from bloch.rawfile import write_mrd
from bloch.sequence import HARD_PULSE, TrainDesign, ideally_spoiled, spin_echo, spiral_readings, write_pulseq
from bloch.simulate import Conditions, simulate
from experiments.off_resonance import scan as off_resonance_scan
from tests.journeys.conftest import (
    Command,
    Reconstruct,
    Scan,
    check_refusal,
    edited,
    expected_of,
    relative_difference,
    relative_error,
)

BODY = ("--phantom", "asymmetric", "--variation", "0.5", "--seed", "3", "--snr", "40", "--coils", "4")
SLICE = ("--matrix", "1,48,48")
GRADIENT_ECHO = (*BODY, *SLICE, "--sequence", "gre")
EPI = (*BODY, *SLICE, "--sequence", "epi", "--shots", "6")


def flag(*numbers: int) -> int:
    return sum(1 << (number - 1) for number in numbers)


def truth_of(raw: Path) -> np.ndarray:
    return expected_of(raw).squeeze()


# Interference


@pytest.mark.parametrize("trajectory", [(), ("--trajectory", "radial", "--turns", "76")])
def test_sensing_coils_take_the_interference_away(
    scan: Scan, reconstruct: Reconstruct, trajectory: tuple[str, ...]
) -> None:
    clean = scan(*GRADIENT_ECHO, *trajectory)
    disturbed = scan(*GRADIENT_ECHO, *trajectory, "--interference", "5", "--sensing-coils", "3")
    truth = truth_of(clean)
    usual, without = reconstruct(clean)
    quiet = relative_difference(usual, truth)
    assert "interference" not in without
    image, said = reconstruct(disturbed)
    assert "interference heard by sensing coils 4, 5, 6 subtracted from 4 of 4 receive coils" in said
    heard, refused = reconstruct(disturbed, "--no-interference")
    assert "not cancelled, as asked; channels [4, 5, 6] hear no patient: left out" in refused
    assert relative_difference(image, truth) < 2 * quiet
    assert relative_difference(heard, truth) > 4 * quiet


def test_naming_the_sensing_coils_that_the_file_names_changes_nothing(scan: Scan, reconstruct: Reconstruct) -> None:
    raw = scan(*GRADIENT_ECHO, "--interference", "5", "--sensing-coils", "3")
    np.testing.assert_array_equal(reconstruct(raw)[0], reconstruct(raw, "--sensing-coils", "4,5,6")[0])


def test_sensing_coils_without_interference_change_nothing(scan: Scan, reconstruct: Reconstruct) -> None:
    silent = scan(*GRADIENT_ECHO, "--interference", "1e-6", "--sensing-coils", "3")
    usual, _ = reconstruct(scan(*GRADIENT_ECHO))  # the same seed has the same noise
    image, said = reconstruct(silent)
    assert relative_error(image, usual) < 1e-4
    assert "hold no interference that the receive coils hear; nothing was subtracted" in said


def test_looking_for_interference_that_is_not_there_changes_nothing(scan: Scan, reconstruct: Reconstruct) -> None:
    usual, _ = reconstruct(scan(*GRADIENT_ECHO))
    image, said = reconstruct(scan(*GRADIENT_ECHO), "--interference")
    np.testing.assert_array_equal(image, usual)
    assert "interference: no sensing coils, and no columns" in said


# Echo-planar lines


def late_reader(table: np.ndarray, *, delay: float = 0.8, phase: float = 0.4) -> np.ndarray:
    """Samples that are taken ``delay`` late, so odd and even lines move apart; and a phase of the reversed ones."""
    for row in table:
        head = row["head"]
        if head["flags"] & flag(ismrmrd.ACQ_IS_NOISE_MEASUREMENT):
            continue
        n = int(head["number_of_samples"])
        ramp = np.exp(-2j * np.pi * np.fft.fftfreq(n) * delay)
        y = np.fft.ifft(np.fft.fft(row["data"].view(np.complex64).reshape(-1, n)) * ramp)
        if head["flags"] & flag(ismrmrd.ACQ_IS_REVERSE):
            y = y * np.exp(1j * phase)
        row["data"] = np.ascontiguousarray(y.astype(np.complex64)).view(np.float32).ravel()
    return table


def without_phase_lines(table: np.ndarray) -> np.ndarray:
    return table[table["head"]["flags"] & flag(ismrmrd.ACQ_IS_PHASECORR_DATA) == 0]


@pytest.mark.parametrize(
    ("also", "reason"), [(None, "phase-correction lines"), (without_phase_lines, "has no phase-correction lines")]
)
def test_ghosts_of_a_late_reader_go_away(
    scan: Scan,
    reconstruct: Reconstruct,
    tmp_path: Path,
    also: Callable[[np.ndarray], np.ndarray] | None,
    reason: str,
) -> None:
    raw = scan(*EPI)
    truth = truth_of(raw)
    late = edited(raw, tmp_path / "late.h5", late_reader)
    if also is not None:
        late = edited(late, tmp_path / "bare.h5", also)
    image, said = reconstruct(late)
    ghosted, refused = reconstruct(late, "--no-ghosts")
    assert reason in said
    assert "ghosts: left as they are, as asked" in refused
    assert relative_error(image, truth) < 0.07
    assert relative_error(ghosted, truth) > 0.2


def test_lines_without_ghosts_stay_as_they_are(scan: Scan, reconstruct: Reconstruct) -> None:
    image, said = reconstruct(scan(*EPI))
    assert "left as it is" in said
    np.testing.assert_array_equal(image, reconstruct(scan(*EPI), "--no-ghosts")[0])


# Relaxation


def test_an_echo_train_comes_nearer_to_a_spin_echo(scan: Scan, reconstruct: Reconstruct) -> None:
    common = ("--phantom", "asymmetric", "--variation", "0", "--snr", "60", "--coils", "4", *SLICE)
    times = ("--echo-time", "90", "--repetition-time", "3000")
    train = scan(*common, *times, "--sequence", "tse", "--echo-train", "16")
    single = scan(*common, *times, "--sequence", "spin-echo")
    truth = truth_of(single)
    image, said = reconstruct(train, "--relaxation")
    blurred, without = reconstruct(train)
    assert "relaxation: T2 along the echo train: 16 echoes" in said
    assert "relaxation: left out: no T2 map" in without
    assert relative_difference(image, truth) < 0.97 * relative_difference(blurred, truth)
    plain, nothing = reconstruct(single)
    assert "relaxation" not in nothing
    np.testing.assert_array_equal(plain, reconstruct(single, "--no-relaxation")[0])


# Off-resonance

LOW_BANDWIDTH = (*BODY, *SLICE, "--sequence", "spin-echo", "--field", "0.3", "--bandwidth", "4")


def field_map_of(raw: Path, like: Path, path: Path, *, coarser: int = 1, moved: float = 0.0) -> Path:
    """The truth's off-resonance as a NIfTI file in the place of the image ``like``, NaN where nothing is.

    Args:
        raw: with the truth.
        like: image with the affine.
        path: to write.
        coarser: take the mean of so many voxels each way.
        moved: to the right, mm.
    """
    with h5py.File(raw) as file:
        off, protons = (file[f"dataset/truth/{name}"][0, 0] for name in ("off_resonance", "proton_density"))
    n_y, n_x = (n // coarser for n in off.shape)
    blocks = np.where(protons > 0.1 * protons.max(), off, np.nan).reshape(n_y, coarser, n_x, coarser)
    known = np.isfinite(blocks).any(axis=(1, 3))
    mean = np.where(known, np.nansum(blocks, axis=(1, 3)), np.nan) / np.isfinite(blocks).sum(axis=(1, 3)).clip(1)
    affine = nibabel.load(like).affine.copy()
    affine[:3, 3] += affine[:3, :2].sum(axis=1) * (coarser - 1) / 2  # the middle of the first block
    affine[:3, :2] *= coarser
    affine[0, 3] += moved
    nibabel.save(nibabel.Nifti1Image(mean.T[:, :, None].astype(np.float32), affine), path)
    return path


@pytest.mark.parametrize("coarser", [1, 2])
def test_a_field_map_puts_voxels_back(scan: Scan, reconstruct: Reconstruct, tmp_path: Path, coarser: int) -> None:
    truth = truth_of(scan(*LOW_BANDWIDTH))
    raw, like = scan(*LOW_BANDWIDTH, "--inhomogeneity", "40"), tmp_path / "like.nii.gz"
    bent, nothing = reconstruct(raw, "--also", like)
    assert "off-resonance" not in nothing
    known = field_map_of(raw, like, tmp_path / "field.nii.gz", coarser=coarser)
    image, said = reconstruct(raw, "--field-map", known)
    assert "off-resonance: field map field.nii.gz in Hz" in said
    assert relative_error(bent, truth) > 0.3
    assert relative_error(image, truth) < 0.5 * relative_error(bent, truth)


def test_a_map_of_no_field_changes_nothing(scan: Scan, reconstruct: Reconstruct, tmp_path: Path) -> None:
    raw, like = scan(*LOW_BANDWIDTH), tmp_path / "like.nii.gz"
    usual, _ = reconstruct(raw, "--also", like)
    image, said = reconstruct(raw, "--field-map", field_map_of(raw, like, tmp_path / "field.nii.gz"))
    assert "moves nothing by 0.1 voxel, left out" in said
    np.testing.assert_array_equal(image, usual)


def test_several_echoes_give_a_field_map(scan: Scan, reconstruct: Reconstruct) -> None:
    echoes = (*BODY, *SLICE, "--sequence", "multi-echo-gre")
    bent, straight = scan(*echoes, "--inhomogeneity", "200"), scan(*echoes)
    found, said = reconstruct(bent, "--off-resonance")
    usual, refused = reconstruct(bent)
    assert "field map from 3 echoes at 7, 21, 35 ms" in said
    assert "voxels along the readout" in said
    assert "off-resonance: left out: no field map" in refused
    truth, said = reconstruct(straight, "--off-resonance")
    assert "moves nothing by 0.1 voxel, left out" in said
    first = [relative_error(image[0], truth[0]) for image in (found, usual)]
    assert first[0] < 0.8 * first[1]


# Concomitant fields


@pytest.fixture(scope="module")
def far_away(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Spirals 8 cm above the isocentre at 0.05 T: without and with concomitant fields, and the sequence."""
    folder = tmp_path_factory.mktemp("concomitant")
    encoding = off_resonance_scan.encoding_of(coronal=False, offset=0.08, sample_time=10e-6)
    scanner, discs = off_resonance_scan.scanner_of(0.05), off_resonance_scan.random_discs(1)
    sequence = spin_echo(
        encoding, scanner, echo_time=0.016, repetition_time=0.5, design=TrainDesign(pulse=HARD_PULSE),
        readings=spiral_readings(encoding, scanner, n_interleaves=8),
    )  # fmt: skip
    write_pulseq(folder / "spiral.seq", sequence, scanner)
    phantom = off_resonance_scan.phantom_of(discs, None, 0.05, coronal=False)
    for name, acts in (("straight", False), ("bent", True)):
        conditions = Conditions(snr=100, variation=0.0, concomitant=acts)
        write_mrd(
            folder / f"{name}.h5", simulate(phantom, ideally_spoiled(sequence), scanner, conditions=conditions, seed=1)
        )
    return folder / "straight.h5", folder / "bent.h5", folder / "spiral.seq"


def test_concomitant_fields_are_known_from_the_sequence(
    far_away: tuple[Path, Path, Path], reconstruct: Reconstruct
) -> None:
    straight, bent, sequence = far_away
    truth, _ = reconstruct(straight)
    blurred, nothing = reconstruct(bent)
    image, said = reconstruct(bent, "--sequence", sequence)
    assert "concomitant" not in nothing
    assert "concomitant fields at 0.05 T" in said
    assert relative_error(blurred, truth) > 0.3
    assert relative_error(image, truth) < 0.25 * relative_error(blurred, truth)
    refused, said = reconstruct(bent, "--sequence", sequence, "--no-concomitant")
    assert "concomitant fields: left out, as asked" in said
    np.testing.assert_array_equal(refused, blurred)


def test_the_sequence_of_another_scan_is_refused(
    far_away: tuple[Path, Path, Path], scan: Scan, pirecon_command: Command, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    raw, out = scan(*GRADIENT_ECHO), tmp_path / "image.nii.gz"
    assert pirecon_command("reconstruct", raw, "-o", out, "--method", "cg-sense", "--sequence", far_away[2]) == 1
    check_refusal(" ".join(capsys.readouterr().err.split()), "this is probably the sequence of another scan", out)


def test_the_field_map_of_another_place_is_refused(
    scan: Scan, reconstruct: Reconstruct, pirecon_command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw, like, out = scan(*LOW_BANDWIDTH), tmp_path / "like.nii.gz", tmp_path / "image.nii.gz"
    reconstruct(raw, "--also", like)
    far = field_map_of(raw, like, tmp_path / "far.nii.gz", moved=400.0)
    assert pirecon_command("reconstruct", raw, "-o", out, "--method", "cg-sense", "--field-map", far) == 1
    said = " ".join(capsys.readouterr().err.split())
    check_refusal(said, "covers 0.0 % of the scan's voxels", out)
    assert "far.nii.gz" in said.replace(" ", "")
