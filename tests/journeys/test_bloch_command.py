"""``bloch`` as its users type it: every sequence, trajectory, phantom and coil; and every wish that cannot be met."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import ismrmrd
import numpy as np
import pypulseq
import pytest

from bloch.scanner import Scanner
from bloch.sequence import Encoding, write_pulseq
from bloch.standard.coils import CoilChoice, coils_for
from bloch.standard.encodings import ReadoutRequest, SliceRequest, encoding_for
from bloch.standard.protocols import SequenceChoice, standard_protocol
from bloch.standard.sampling import SamplingRequest
from bloch.standard.sequences import Playing, TrajectoryChoice, sequence_for, standard_dummies

SMALL = ("--phantom", "asymmetric", "--matrix", "1,20,24", "--coils", "2")
SQUARE = ("--phantom", "asymmetric", "--matrix", "1,24,24", "--coils", "1", "--no-noise", "--variation", "0")
Scan = Callable[..., Path]
Bloch = Callable[..., int]


def acquisitions(path: Path) -> tuple[ismrmrd.xsd.ismrmrdHeader, list[ismrmrd.Acquisition]]:
    """Header and readouts without the noise scan."""
    with ismrmrd.Dataset(str(path), create_if_needed=False) as dataset:
        header = ismrmrd.xsd.CreateFromDocument(dataset.read_xml_header())
        found = [dataset.read_acquisition(i) for i in range(dataset.number_of_acquisitions())]
    return header, [a for a in found if not a.is_flag_set(ismrmrd.ACQ_IS_NOISE_MEASUREMENT)]


def truth(path: Path, name: str) -> np.ndarray:
    with h5py.File(path) as file:
        return np.asarray(file[f"dataset/truth/{name}"])


def likeness(a: np.ndarray, b: np.ndarray) -> float:
    """Correlation of two magnitude images, 1 where one is a multiple of the other."""
    a, b = abs(a).ravel(), abs(b).ravel()
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def likeness_of_signals(a: np.ndarray, b: np.ndarray) -> float:
    """|correlation| of two complex signals."""
    return float(abs(np.vdot(a, b)) / np.linalg.norm(a) / np.linalg.norm(b))


def adjoint(path: Path, *, n: int) -> np.ndarray:
    """Plain sum over the stored samples with the density |k| of spokes, (y, x)."""
    _, found = acquisitions(path)
    k = np.concatenate([a.traj[:, :2] for a in found])  # (sample, xy), 1 / field of view
    y = np.concatenate([a.data[0] for a in found])
    place = (np.arange(n) - n // 2) / n
    weight = np.hypot(*k.T) + 0.25
    ex, ey = (np.exp(2j * np.pi * np.outer(place, axis)) for axis in k.T)
    return (ey * (y * weight)) @ ex.T


@pytest.mark.parametrize("sequence", SequenceChoice)
def test_every_sequence(scan: Scan, sequence: SequenceChoice) -> None:
    size = ("--matrix", "4,16,16") if sequence is SequenceChoice.mprage else ()
    raw = scan(*SMALL, *size, "--sequence", sequence, "--no-noise")
    header, found = acquisitions(raw)
    assert header.encoding[0].trajectory.value == ("epi" if sequence is SequenceChoice.epi else "cartesian")
    assert all(np.isfinite(a.data).all() for a in found)
    image, protons = truth(raw, "image"), truth(raw, "proton_density")
    assert likeness(image, protons) > 0.75  # contrasts differ, places do not


@pytest.mark.parametrize("n", [64, 128])
@pytest.mark.parametrize("sequence", SequenceChoice)
def test_standard_protocols_can_be_played(sequence: SequenceChoice, n: int) -> None:
    scanner = Scanner(0.064, coils_for(CoilChoice.loops, 8, (0, 0, 1)))
    where, listening = SliceRequest((1, n, n), 1, 0.25, 5e-3), ReadoutRequest(20e3)
    encoding: Encoding = encoding_for(where, SamplingRequest(), listening, scanner, seed=0)
    protocol = standard_protocol(sequence, 0.064)
    played = sequence_for(protocol, encoding, scanner, playing=Playing())
    excitations = sum(b.rf is not None and b.rf.use == "excitation" for b in played.blocks)
    silent = sequence_for(protocol, encoding, scanner, playing=Playing(n_dummies=0))
    measured = sum(b.rf is not None and b.rf.use == "excitation" for b in silent.blocks)
    assert played.protocol is not None
    per_repetition = played.protocol.echo_train_length if sequence is SequenceChoice.mprage else 1
    assert excitations - measured == standard_dummies(protocol) * per_repetition
    assert played.protocol.echo_time == pytest.approx(protocol.echo_time, abs=2e-5)


@pytest.mark.parametrize("choice", [TrajectoryChoice.radial, TrajectoryChoice.golden_angle, TrajectoryChoice.spiral])
@pytest.mark.parametrize("sequence", ["gre", "spin-echo"])
def test_every_trajectory(scan: Scan, choice: TrajectoryChoice, sequence: str) -> None:
    raw = scan(*SQUARE, "--sequence", sequence, "--trajectory", choice, "--turns", "40")
    header, found = acquisitions(raw)
    expected = {"golden-angle": "radial"}.get(choice, choice)
    assert header.encoding[0].trajectory.value == expected
    k = np.stack([a.traj for a in found])
    assert k.shape == (40, found[0].number_of_samples, 2)
    assert 11 <= np.linalg.norm(k, axis=-1).max() <= 13  # to the rim of a matrix of 24
    image = truth(scan(*SQUARE, "--sequence", sequence), "image")[0, 0]
    found_image = adjoint(raw, n=24)
    assert likeness(found_image, image) > 0.85  # the weights are those of spokes
    mirrored = [found_image[::-1], found_image[:, ::-1], found_image.T]  # the body is asymmetric
    assert max(likeness(other, image) for other in mirrored) < likeness(found_image, image) - 0.05


def test_a_written_sequence_gives_the_same_data(scan: Scan, tmp_path: Path) -> None:
    scanner = Scanner(0.064, coils_for(CoilChoice.loops, 2, (0, 0, 1)))
    where = SliceRequest((1, 20, 24), 1, 0.25, 5e-3)
    encoding = encoding_for(where, SamplingRequest(), ReadoutRequest(20e3), scanner, seed=0)
    protocol = standard_protocol(SequenceChoice.tse, 0.064)
    sequence = sequence_for(protocol, encoding, scanner, playing=Playing(ideal_spoiling=False))
    with pytest.warns(UserWarning, match="raster"):
        write_pulseq(tmp_path / "tse.seq", sequence, scanner)
    common = (*SMALL, "--no-noise", "--isochromats", "9")
    read = acquisitions(scan(*common, "--seq", tmp_path / "tse.seq"))[1]
    built = acquisitions(scan(*common, "--real-spoiling"))[1]
    a, b = (np.stack([x.data for x in found]) for found in (read, built))
    assert [x.idx.kspace_encode_step_1 for x in read] == [x.idx.kspace_encode_step_1 for x in built]
    assert np.linalg.norm(a - b) < 0.01 * np.linalg.norm(b)


def foreign_gradient_echo(path: Path, n: int, fov: float) -> None:
    """Hard pulse, lines from −n/2 up, no label."""
    system = pypulseq.Opts(max_grad=25, grad_unit="mT/m", max_slew=60, slew_unit="T/m/s")
    made = pypulseq.Sequence(system)
    pulse = pypulseq.make_block_pulse(np.pi / 9, duration=4e-4, delay=1e-4, system=system, use="excitation")
    read = pypulseq.make_trapezoid("x", flat_area=n / fov, flat_time=2.4e-3, system=system)
    adc = pypulseq.make_adc(n, duration=2.4e-3, delay=read.rise_time, system=system)
    back = pypulseq.make_trapezoid("x", area=-read.area / 2, duration=1e-3, system=system)
    spoil = pypulseq.make_trapezoid("z", area=1000, duration=2e-3, system=system)
    for i in range(n):
        step = (i - n // 2) / fov
        made.add_block(pulse)
        made.add_block(back, pypulseq.make_trapezoid("y", area=step, duration=1e-3, system=system))
        made.add_block(read, adc)
        made.add_block(spoil, pypulseq.make_trapezoid("y", area=-step, duration=2e-3, system=system))
        made.add_block(pypulseq.make_delay(0.2))
    made.write(str(path))


def test_a_foreign_sequence_is_measured_along_its_own_trajectory(
    scan: Scan, tmp_path: Path, capsys: pytest.CaptureFixture[str], bloch_command: Bloch
) -> None:
    foreign_gradient_echo(tmp_path / "foreign.seq", 24, 0.25)
    raw = tmp_path / "raw.h5"
    assert bloch_command("simulate", *SQUARE, "--seq", tmp_path / "foreign.seq", "-o", raw) == 0
    assert "does not say how k-space is encoded" in " ".join(capsys.readouterr().err.split())
    header, found = acquisitions(raw)
    assert header.encoding[0].trajectory.value == "other"
    y = np.stack([a.data[0] for a in found])
    np.testing.assert_allclose([a.traj[0, 1] for a in found], np.arange(24) - 12, atol=1e-3)
    image = np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(y)))
    assert likeness(image, truth(scan(*SQUARE, "--sequence", "gre"), "proton_density")[0, 0]) > 0.9


def test_the_field_of_view_of_a_foreign_sequence_is_kept(scan: Scan, tmp_path: Path) -> None:
    path = tmp_path / "foreign.seq"
    foreign_gradient_echo(path, 12, 0.2)
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("[DEFINITIONS]\n", "[DEFINITIONS]\nFOV 0.2 0.22 0.006\n", 1), encoding="utf-8")
    raw = scan("--seq", path, "--phantom", "asymmetric", "--matrix", "1,12,12", "--coils", "2")
    space = acquisitions(raw)[0].encoding[0].reconSpace.fieldOfView_mm
    assert (space.x, space.y, space.z) == pytest.approx((200, 220, 6))


@pytest.fixture(scope="module")
def bloch_command() -> Bloch:
    """Exit code of ``bloch *arguments``."""
    import bloch.cli

    def run(*arguments: object) -> int:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.argv", ["bloch", *map(str, arguments)])
            try:
                bloch.cli.main()
            except SystemExit as end:
                return int(end.code or 0)
        return 0

    return run


@pytest.mark.parametrize(
    "options",
    [
        ("--phantom", "knee"),
        ("--phantom", "abdomen"),
        ("--phantom", "system", "--field", "1.5"),
        ("--phantom", "brain", "--lesion", "tumour", "--susceptibility", "--inhomogeneity", "50"),
        ("--coil", "helmet"),
        ("--coil", "birdcage"),
        ("--coil", "volume", "--vertical-field"),
        ("--coil", "solenoid", "--vertical-field"),
    ],
)
def test_every_phantom_and_coil_gives_signal(scan: Scan, options: tuple[str, ...]) -> None:
    raw = scan(*SMALL, "--matrix", "1,16,16", *options)
    header, found = acquisitions(raw)
    single = options[0] == "--coil" and options[1] != "helmet"
    assert header.acquisitionSystemInformation.receiverChannels == (1 if single else 2)
    assert truth(raw, "snr") > 3
    assert np.abs([a.data for a in found]).max() > 0


def test_sensing_coils_are_named_and_hear_no_patient(scan: Scan) -> None:
    options = (*SMALL, "--interference", "0.5", "--sensing-coils", "2")
    header, found = acquisitions(scan(*options))
    labels = [label.coilName for label in header.acquisitionSystemInformation.coilLabel]
    assert labels == ["receive_0", "receive_1", "sensing_0", "sensing_1"]
    quiet = acquisitions(scan(*SMALL, "--no-noise"))[1]
    body = np.concatenate([a.data[0] for a in quiet])
    heard = [likeness_of_signals(body, np.concatenate([a.data[c] for a in found])) for c in range(4)]
    assert heard[0] > 0.8 > 0.4 > max(heard[2:])


def test_a_phantom_of_another_simulator(scan: Scan, tmp_path: Path) -> None:
    n = 24
    maps = {name: np.full((n, n, 1), value) for name, value in (("T1", 0.5), ("T2", 0.1), ("T2dash", 0.05), ("D", 0.0))}
    protons = np.zeros((n, n, 1))
    protons[6:14, 9:20] = 1.0
    np.savez(
        tmp_path / "block.npz",
        PD_map=protons, **{f"{name}_map": m for name, m in maps.items()},
        B0_map=np.zeros((n, n, 1)), B1_map=np.ones((1, n, n, 1)), tissue_mask=protons > 0,
        coil_sens=np.ones((1, n, n, 1)), FOV=np.array([0.25, 0.25, 0.005]),
    )  # fmt: skip
    raw = scan(*SQUARE, "--phantom", tmp_path / "block.npz", "--sequence", "spin-echo")
    image = abs(truth(raw, "image")[0, 0])
    assert image.max() > 0.1
    # 8 voxels along x and 11 along y: MRzero's first axis is x.
    bright = image > image.max() / 2
    assert (bright.any(axis=0).sum(), bright.any(axis=1).sum()) == (8, 11)


def test_the_same_seed_gives_the_same_samples_and_truth(bloch_command: Bloch, tmp_path: Path) -> None:
    paths = [tmp_path / "a.h5", tmp_path / "b.h5"]
    for path in paths:
        assert bloch_command("simulate", *SMALL, "--phantom", "brain", "--interference", "5", "-q", "-o", path) == 0
    with h5py.File(paths[0]) as a, h5py.File(paths[1]) as b:
        assert a["dataset/data"][:].tobytes() != b""
        for x, y in zip(a["dataset/data"][:], b["dataset/data"][:], strict=True):
            assert x["head"].tobytes() == y["head"].tobytes()
            np.testing.assert_array_equal(x["data"], y["data"])
        for name in a["dataset/truth"]:
            np.testing.assert_array_equal(a["dataset/truth"][name][()], b["dataset/truth"][name][()])


@pytest.mark.parametrize("sequence", ["spin-echo", "tse", "gre", "bssfp"])
def test_snr_at_two_fields(bloch_command: Bloch, capsys: pytest.CaptureFixture[str], sequence: str) -> None:
    assert bloch_command("snr", "-f", "0.064", "-f", "1.5", "--sequence", sequence) == 0
    said = capsys.readouterr().out
    assert "0.064 T" in said
    row = next(line for line in said.splitlines() if "SNR grey matter" in line).split("│")
    assert float(row[3]) > 10 * float(row[2]) > 0


CANNOT = [
    (("--sequence", "gre", "--echo-time", "0.5"), "shortest possible"),
    (("--sequence", "gre", "--repetition-time", "2"), "shortest possible"),
    (("--sequence", "tse", "--echo-spacing", "2"), "shortest possible"),
    (("--sequence", "tse", "--echo-time", "1"), "the nearest is 15 ms"),
    (("--sequence", "tse", "--echo-train", "100", "--echo-spacing", "50", "--echo-time", "100"), "repetition time"),
    (("--sequence", "epi", "--echo-time", "2"), "shortest possible"),
    (("--sequence", "epi", "--shots", "7"), "share out evenly"),
    (("--sequence", "flair", "--inversion-time", "1"), "inversion time of 1 ms is too short"),
    (("--sequence", "epi", "--trajectory", "radial"), "trajectory of its own"),
    (("--sequence", "gre", "--trajectory", "radial"), "make them equal"),
    (("--matrix", "1,64,64", "--sequence", "gre", "--trajectory", "spiral", "--turns", "1"), "too short"),
    (("--acceleration", "2.5"), "whole acceleration"),
    (("--snr", "0"), "SNR must be a number above 0"),
    (("--coil", "solenoid"), "parallel to B0"),
    (("--phantom", "brian"), "is no phantom"),
    (("--phantom", "nowhere.npz"), "nowhere.npz"),
    (("--seq", "nowhere.seq"), "nowhere.seq"),
    (("--matrix", "1,6000,6000", "--bandwidth", "1000"), ""),
]

WRONG = [
    ("--field", "0"),
    ("--field", "-1"),
    ("--echo-time", "-5"),
    ("--echo-time", "0"),
    ("--echo-time", "inf"),
    ("--repetition-time", "nan"),
    ("--flip-angle", "0"),
    ("--thickness", "0"),
    ("--field-of-view", "inf"),
    ("--coils", "0"),
    ("--acceleration", "inf"),
    ("--matrix", "1,nan,8"),
    ("--matrix", "1,70000,8"),
    ("--tilt", "inf,0,0"),
    ("--shots", "2"),
    ("--turns", "5"),
    ("--sequence", "gre", "--inversion-time", "100"),
    ("--sequence", "gre", "--echo-train", "4"),
    ("--trajectory", "radial", "--acceleration", "2"),
    ("--lesion", "tumour"),
    ("--sensing-coils", "2"),
    ("--preview", "picture.docx"),
    ("--engine", "closed-form", "--sequence", "bssfp"),
]


@pytest.fixture
def never_play(monkeypatch: pytest.MonkeyPatch) -> None:
    """A computation that begins fails the test: what is wrong has to be said before."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the scan was played")

    monkeypatch.setattr("bloch.cli.simulate.simulate", refuse)


def check_refusal(code: int, expected: int, said: str, folder: Path) -> None:
    assert code == expected, said
    assert "Traceback" not in said
    assert 20 < len(said) < 1500
    assert list(folder.iterdir()) == []


@pytest.mark.usefixtures("never_play")
@pytest.mark.parametrize(("wish", "reason"), CANNOT)
def test_what_cannot_be_done_is_said_before_it_is_tried(
    bloch_command: Bloch, tmp_path: Path, capsys: pytest.CaptureFixture[str], wish: tuple[str, ...], reason: str
) -> None:
    code = bloch_command("simulate", *SMALL, *wish, "-o", tmp_path / "raw.h5")
    said = " ".join(capsys.readouterr().err.split())
    check_refusal(code, 1, said, tmp_path)
    assert reason in said


@pytest.mark.usefixtures("never_play")
@pytest.mark.parametrize("wish", WRONG)
def test_wrong_usage(
    bloch_command: Bloch, tmp_path: Path, capsys: pytest.CaptureFixture[str], wish: tuple[str, ...]
) -> None:
    code = bloch_command("simulate", *SMALL, *wish, "-o", tmp_path / "raw.h5")
    check_refusal(code, 2, capsys.readouterr().err, tmp_path)


@pytest.mark.usefixtures("never_play")
@pytest.mark.parametrize(
    ("damage", "reason"),
    [("version", "version 9"), ("truncated", "not a whole Pulseq file"), ("letter", "no Pulseq file")],
)
def test_damaged_sequence_files(
    bloch_command: Bloch, tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str, reason: str
) -> None:
    path, out = tmp_path / "scan.seq", tmp_path / "out"
    out.mkdir()
    foreign_gradient_echo(path, 16, 0.25)
    text = path.read_text()
    whole = {"version": text.replace("major 1", "major 9"), "truncated": text[: len(text) // 2], "letter": "Dear all,"}
    path.write_text(whole[damage])
    code = bloch_command("simulate", *SMALL, "--seq", path, "-o", out / "raw.h5")
    said = " ".join(capsys.readouterr().err.split())
    check_refusal(code, 1, said, out)
    assert reason in said


def test_a_phantom_outside_the_field_of_view(
    bloch_command: Bloch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with h5py.File(tmp_path / "far.phantom", "w") as file:
        file.attrs.update({"Version": "0.9", "Name": "far", "Ns": 3, "Dims": 3})
        for axis in "xyz":
            file[f"position/{axis}"] = np.array([-0.6, -0.59, 0.6]) if axis == "x" else np.array([0.0, 0.001, 0.0])
        for name, value in {"ρ": 1.0, "T1": 0.5, "T2": 0.1, "T2s": 0.05, "Δw": 0.0}.items():
            file[f"contrast/{name}"] = np.full(3, value)
    out = tmp_path / "out"
    out.mkdir()
    code = bloch_command("simulate", *SMALL, "--phantom", tmp_path / "far.phantom", "-o", out / "raw.h5")
    said = " ".join(capsys.readouterr().err.split())
    check_refusal(code, 1, said, out)
    assert "outside the field of view" in said


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("tissue", "--field", "0"), 2),
        (("snr", "-f", "0"), 1),
        (("snr", "--tissue", "cheese"), 1),
        (("snr", "--sequence", "epi"), 2),
        (("snr", "--matrix", "1,2.5,1"), 2),
        (("snr", "--voxel", "0,1,1"), 2),
        (("snr", "--bandwidth", "inf"), 2),
        (("snr", "--echo-time", "0.1"), 1),
        (("simulate", *SMALL, "-o", "nowhere/raw.h5"), 1),
        (("simulate", *SMALL, "-o", "."), 1),
        (("simulate", *SMALL), 2),
    ],
)
@pytest.mark.usefixtures("never_play")
def test_other_wrong_wishes(
    bloch_command: Bloch, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...], code: int,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    check_refusal(bloch_command(*arguments), code, capsys.readouterr().err, tmp_path)
