"""Interference cancelled by sensing coils, on signals and couplings drawn here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import ismrmrd
import ismrmrd.xsd as xsd
import numpy as np
import pytest
import torch

from pirecon.calibration.interference import cancel_interference
from pirecon.calibration.interference.channels import sensing_channels, without_channels
from pirecon.calibration.interference.line_noise import noise_along_readout, remove_line_noise
from pirecon.rawdata import KSpace, RawData, noise_samples, read_mrd, sort_kspace

N_LINES, N = 48, 63
NAMES = ("head_0", "sensing_0", "head_1", "EMI 2")


def normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def written(
    path: Path,
    lines: np.ndarray,
    names: tuple[str, ...],
    noise: np.ndarray | list[np.ndarray],
    *,
    noise_dwell: float = 10.0,
) -> RawData:
    """Through a raw file: ``(line, channel, sample)``; readouts of the noise scan may differ in shape."""
    space = xsd.encodingSpaceType(
        matrixSize=xsd.matrixSizeType(x=lines.shape[2], y=len(lines), z=1),
        fieldOfView_mm=xsd.fieldOfViewMm(x=250, y=250, z=5),
    )
    limit = xsd.limitType(minimum=0, maximum=len(lines) - 1, center=len(lines) // 2)
    header = xsd.ismrmrdHeader(
        acquisitionSystemInformation=xsd.acquisitionSystemInformationType(
            receiverChannels=len(names),
            coilLabel=[xsd.coilLabelType(coilNumber=c, coilName=name) for c, name in enumerate(names)],
        ),
        experimentalConditions=xsd.experimentalConditionsType(H1resonanceFrequency_Hz=2_128_874),
        encoding=[
            xsd.encodingType(
                encodedSpace=space,
                reconSpace=space,
                encodingLimits=xsd.encodingLimitsType(kspace_encoding_step_1=limit),
                trajectory=xsd.trajectoryType.CARTESIAN,
            )
        ],
    )
    with ismrmrd.Dataset(str(path), "dataset") as dataset:
        dataset.write_xml_header(header.toXML().encode())
        for y, data in enumerate([*noise, *lines]):
            acquisition = ismrmrd.Acquisition.from_array(np.ascontiguousarray(data, np.complex64))
            acquisition.scan_counter, acquisition.sample_time_us = y, noise_dwell if y < len(noise) else 10.0
            acquisition.center_sample = data.shape[1] // 2
            acquisition.read_dir[:], acquisition.phase_dir[:], acquisition.slice_dir[:] = np.eye(3)
            if y < len(noise):
                acquisition.setFlag(ismrmrd.ACQ_IS_NOISE_MEASUREMENT)
            acquisition.idx.kspace_encode_step_1 = max(0, y - len(noise))
            dataset.append_acquisition(acquisition)
    return read_mrd(path)


Scan = tuple[RawData, np.ndarray]
Head = tuple[KSpace, torch.Tensor, torch.Tensor]


@pytest.fixture
def measured(tmp_path: Path) -> Callable[..., Scan]:
    """``measured(strength, drift)``: raw data, and the receive coils' clean lines; interference is coloured noise."""

    def make(strength: float, *, drift: float = 0.0, dead: tuple[int, ...] = (), seed: int = 1) -> Scan:
        rng = np.random.default_rng(seed)
        total = N_LINES + 8
        y, x = np.meshgrid(np.arange(N_LINES) - N_LINES // 2, np.arange(N) - N // 2, indexing="ij")
        signal = 300 * np.exp(-(y**2 + x**2) / 8.0)[:, None] * np.exp(1j * np.array([0.3, 2.0]))[:, None]
        clean = normal(rng, total, 2, N)
        clean[8:] += signal
        source = normal(rng, total, 2, N + 2)
        source = (source[..., 2:] + 0.8 * source[..., 1:-1] + 0.5j * source[..., :-2]) * strength
        sensing = 3 * source[:, ::-1] + 0.5 * source + normal(rng, total, 2, N)
        turn = np.exp(2j * np.pi * drift * np.linspace(0, 1, total))[:, None, None]
        heard = np.einsum("cs,lsn->lcn", np.array([[1, 0.4j], [-0.7, 0.5]]), source) * turn
        sensing[:, list(dead)] = 0
        lines = np.stack([clean[:, 0] + heard[:, 0], sensing[:, 0], clean[:, 1] + heard[:, 1], sensing[:, 1]], axis=1)
        return written(tmp_path / f"{seed}.h5", lines[8:], NAMES, lines[:8]), clean

    return make


def left_over(raw: RawData, clean: np.ndarray) -> float:
    """Root mean square of the real part's difference from the clean lines; their noise has 1."""
    return float(np.sqrt((np.abs(raw.block(raw.imaging_lines) - clean[8:]) ** 2).mean() / 2))


def test_strong_interference_is_cancelled_and_signal_is_kept(measured: Callable[..., Scan]) -> None:
    raw, clean = measured(10.0)
    before = left_over(without_channels(raw, (1, 3)), clean)
    cleaned, found = cancel_interference(raw)
    assert found is not None
    assert found.changed
    assert found.sensing == (1, 3)
    assert left_over(cleaned, clean) < 0.05 * before  # 26 dB
    assert found.noise_reduction.min() > 10
    centre = cleaned.block(cleaned.imaging_lines)[N_LINES // 2, :, N // 2]
    assert np.abs(centre) == pytest.approx(np.abs(clean[8 + N_LINES // 2, :, N // 2]), rel=0.02)


def test_drifting_transfer_is_followed_in_windows(measured: Callable[..., Scan]) -> None:
    raw, clean = measured(10.0, drift=1.0)
    cleaned, found = cancel_interference(raw)
    assert found is not None
    assert found.window is not None
    assert found.window < N_LINES
    assert left_over(cleaned, clean) < 0.3 * left_over(without_channels(raw, (1, 3)), clean)


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_without_interference_the_lines_are_exactly_as_measured(measured: Callable[..., Scan], seed: int) -> None:
    raw, clean = measured(0.0, seed=seed)
    cleaned, found = cancel_interference(raw)
    assert found is not None
    assert not found.changed
    assert "no interference" in found.source
    np.testing.assert_array_equal(cleaned.block(cleaned.imaging_lines), clean[8:].astype(np.complex64))


def test_what_is_subtracted_from_a_line_does_not_depend_on_its_own_signal(measured: Callable[..., Scan]) -> None:
    raw, _ = measured(10.0)
    line = int(raw.imaging_lines[5])
    cleaned, _ = cancel_interference(raw)
    raw.readout(line)[[0, 2]] *= 1.01
    again, _ = cancel_interference(raw)
    change = again.readout(line) - cleaned.readout(line)
    given = 0.01 / 1.01 * raw.readout(line)[[0, 2]]
    assert np.linalg.norm(change - given) < 0.02 * np.linalg.norm(given)


def test_the_sensing_channels_leave_every_part_of_the_raw_data(measured: Callable[..., Scan]) -> None:
    cleaned, _ = cancel_interference(measured(10.0)[0])
    noise = noise_samples(cleaned)
    assert noise is not None
    assert noise.shape == (2, 8 * N)
    assert float(noise.abs().square().mean()) < 4  # thermal noise has 2, with interference hundreds
    assert cleaned.n_coils == 2
    assert sort_kspace(cleaned).data.shape == (2, 1, N_LINES, N)
    system = cleaned.header.acquisitionSystemInformation
    assert system.receiverChannels == 2
    assert [c.coilName for c in system.coilLabel] == ["head_0", "head_1"]
    assert sensing_channels(cleaned) == ()


def test_silent_sensing_coils_are_said(measured: Callable[..., Scan]) -> None:
    one, found = cancel_interference(measured(10.0, dead=(1,))[0])
    assert found is not None
    assert found.changed
    assert "3 silent" in found.source
    assert one.n_coils == 2
    none, found = cancel_interference(measured(10.0, dead=(0, 1), seed=2)[0])
    assert found is not None
    assert not found.changed
    assert "silent" in found.source
    assert none.n_coils == 2


def test_two_short_lines_are_left_as_they_are(tmp_path: Path) -> None:
    lines = normal(np.random.default_rng(0), 2, 2, N)
    raw = written(tmp_path / "one.h5", lines, ("head", "noise_0"), lines[:0])
    cleaned, found = cancel_interference(raw)
    assert found is not None
    assert "too few lines" in found.source
    assert cleaned.n_coils == 1


def test_nonsensical_choices_are_refused_and_no_sensing_coils_change_nothing(measured: Callable[..., Scan]) -> None:
    raw, _ = measured(1.0)
    with pytest.raises(ValueError, match="0 to 3"):
        cancel_interference(raw, sensing=[4])
    with pytest.raises(ValueError, match="none is left for the image"):
        cancel_interference(raw, sensing=range(4))
    assert cancel_interference(raw, sensing=[]) == (raw, None)


def channels(clean: np.ndarray, heard: np.ndarray, sensing: np.ndarray) -> np.ndarray:
    """In the order of ``NAMES``."""
    return np.stack([clean[:, 0] + heard[:, 0], sensing[:, 0], clean[:, 1] + heard[:, 1], sensing[:, 1]], axis=1)


def drawn(seed: int, n_lines: int, n: int, strength: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Thermal noise, what the receive coils hear of two sources, and sensing coils: ``(line, 2, n)``."""
    rng = np.random.default_rng(seed)
    source = strength * normal(rng, n_lines, 2, n)
    heard = np.einsum("cs,lsn->lcn", np.array([[1, 0.4j], [-0.7, 0.5]]), source)
    return normal(rng, n_lines, 2, n), heard, 3 * source[:, ::-1] + 0.5 * source + normal(rng, n_lines, 2, n)


@pytest.mark.parametrize("strength", [0.0, 0.3, 5.0])
@pytest.mark.parametrize("leak", [0.03, 0.05])
def test_a_patient_heard_by_the_sensing_coils_is_not_subtracted(tmp_path: Path, strength: float, leak: float) -> None:
    clean, heard, sensing = drawn(4, N_LINES, N, strength)
    y, x = np.meshgrid(np.linspace(-1, 1, N_LINES), np.linspace(-1, 1, N), indexing="ij")
    head = 20.0 * (y**2 / 0.8 + x**2 / 0.5 < 1) - 8.0 * ((y - 0.2) ** 2 + (x - 0.1) ** 2 < 0.04)  # SNR 20
    maps = np.stack([np.exp(-x + 1j * y), np.exp(y - 1j * x * y)])
    signal = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(maps * head, axes=(1, 2)), norm="ortho"), axes=(1, 2))
    signal = signal.swapaxes(0, 1)
    clean = clean + signal
    sensing = sensing + leak * signal * np.exp(1j * np.array([1.0, -2.0]))[:, None]
    raw = written(tmp_path / "leak.h5", channels(clean, heard, sensing), NAMES, [])
    cleaned, _ = cancel_interference(raw)
    lost = cleaned.block(cleaned.imaging_lines) - clean
    assert abs(np.vdot(signal, lost) / np.vdot(signal, signal)) < 0.01


def test_readouts_of_several_lengths_are_cleaned_together(tmp_path: Path) -> None:
    clean, heard, sensing = drawn(5, N_LINES, N, 5.0)
    short = channels(*drawn(6, 12, 40, 5.0))
    one_odd = channels(*drawn(7, 1, 500, 5.0))
    raw = written(tmp_path / "mixed.h5", channels(clean, heard, sensing), NAMES, [*short, *one_odd])
    cleaned, found = cancel_interference(raw)
    assert found is not None
    assert found.changed
    assert "stayed as measured" not in found.source
    assert left_over(cleaned, np.concatenate([clean[:8], clean])) < 0.5  # before 7
    for i in cleaned.streams.noise:
        assert float((np.abs(cleaned.readout(int(i))) ** 2).mean()) < 4  # thermal noise has 2, with interference 60


def test_what_stayed_as_measured_is_said(tmp_path: Path) -> None:
    lines = channels(*drawn(8, N_LINES, N, 5.0))
    noise = channels(*drawn(9, 2, 40, 5.0))
    raw = written(tmp_path / "short.h5", lines, NAMES, noise, noise_dwell=5.0)
    cleaned, found = cancel_interference(raw)
    assert found is not None
    assert "noise scan (2 readouts) stayed as measured" in found.source
    np.testing.assert_array_equal(cleaned.readout(0), raw.readout(0)[[0, 2]])
    other = written(tmp_path / "other.h5", lines, NAMES, [noise[0, :2], noise[1, :2]])
    cleaned, found = cancel_interference(other)
    assert found is not None
    assert found.changed
    assert "2 readouts with 2 channels instead of 4 were kept as measured" in found.source
    np.testing.assert_array_equal(cleaned.readout(0), other.readout(0))


@pytest.mark.parametrize(
    ("name", "is_sensing"),
    [("sensing_0", True), ("EMI2", True), ("Noise Sensor", True), ("pick-up 1", True), ("semi-flex", False)],
)
def test_names_of_sensing_coils(tmp_path: Path, name: str, *, is_sensing: bool) -> None:
    lines = normal(np.random.default_rng(0), 4, 2, N)
    raw = written(tmp_path / "named.h5", lines, ("head", name), lines[:0])
    assert sensing_channels(raw) == ((1,) if is_sensing else ())


def test_line_noise_is_found_where_it_is_and_lowered(
    scan: Callable[..., Head],
) -> None:
    clean, _, _ = scan(1, (1, 64, 64), 20.0)
    x = torch.arange(clean.data.shape[-1])
    phase = torch.rand(clean.data.shape[-2], 1, generator=torch.Generator().manual_seed(3)) * 2 * torch.pi
    line = 15 * torch.polar(torch.ones(1), 2 * torch.pi * 6 / 64 * x + phase)
    loud = KSpace(clean.data + line, clean.weights, 1, clean.geometry)
    cleaned, noise = remove_line_noise(loud)
    assert noise.power.argmax() == 32 - 6  # signal at r turns as exp(−2πi k r)
    assert (cleaned.data - clean.data).norm() < 0.7 * line.expand_as(clean.data).norm()


def test_a_scan_without_line_noise_stays_exactly_as_it_is(
    scan: Callable[..., Head],
) -> None:
    clean, _, _ = scan(1, (1, 64, 64), 20.0)
    cleaned, noise = remove_line_noise(clean)
    assert cleaned is clean
    assert bool((noise_along_readout(clean).power == 1).all())
    assert "no interference" in noise.source
