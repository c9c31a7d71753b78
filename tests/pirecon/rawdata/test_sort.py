"""Raw file to sorted k-space, against plain Fourier sums of a known image."""

from __future__ import annotations

import ismrmrd
import numpy as np
import pytest
import torch

from pirecon.algebra.fft import centred_fft, centred_ifft, crop_or_pad_centre
from pirecon.rawdata import KSpace, calibration_kspace, noise_dwell_time_ratio, noise_samples, read_mrd, sort_kspace
from pirecon.rawdata.readout import remove_oversampling
from tests.pirecon.rawdata.conftest import Line, lines_of, make_header, measure, write_file

CLOSE = {"rtol": 1e-4, "atol": 1e-4}


def close(actual: torch.Tensor, expected: np.ndarray) -> bool:
    return actual.shape == expected.shape and np.allclose(actual.numpy(), expected, **CLOSE)


def measured_lines(kspace: KSpace) -> list[int]:
    return np.flatnonzero(kspace.weights[0, 0, :, 0].numpy()).tolist()


@pytest.mark.parametrize(("n_readout", "n_x"), [(12, 6), (14, 7), (15, 7), (21, 14), (9, 9), (10, 10)])
@pytest.mark.parametrize(("n_z", "n_y"), [(1, 5), (3, 4), (4, 7)])
def test_sorted_kspace_is_the_fourier_sum_of_the_image(tmp_path, complex_normal, n_readout, n_x, n_z, n_y):
    image = complex_normal(2, n_z, n_y, n_x)
    lines = lines_of(measure(image, n_readout))
    order = np.random.default_rng(1).permutation(len(lines))
    header = make_header((n_z, n_y, n_readout), recon=(n_z, n_y, n_x))
    raw = read_mrd(write_file(tmp_path / "raw.h5", header, [lines[i] for i in order]))
    kspace = sort_kspace(raw)
    assert close(kspace.data, measure(image, n_x))
    assert (kspace.weights == 1).all()
    assert kspace.weights.shape == (1, n_z, n_y, n_x)
    assert kspace.batch_axes == ()
    assert np.allclose(kspace.geometry.voxel_size, (3e-3, 2e-3, 1e-3))
    assert kspace.geometry.matrix == (n_z, n_y, n_x)
    assert raw.findings == ()


@pytest.mark.parametrize(("n", "m"), [(16, 8), (15, 7), (14, 9), (17, 17), (9, 4)])
def test_oversampling_removal_is_transform_crop_transform(n, m, generator):
    samples = torch.randn(3, n, dtype=torch.complex128, generator=generator)
    expected = centred_fft(crop_or_pad_centre(centred_ifft(samples, (-1,)), (m,)), (-1,))
    assert torch.allclose(remove_oversampling(samples, m), expected)


def test_white_noise_keeps_its_level(tmp_path, complex_normal):
    noise = complex_normal(2, 1, 40, 512)
    header = make_header((1, 40, 512), recon=(1, 40, 256))
    data = sort_kspace(read_mrd(write_file(tmp_path / "raw.h5", header, lines_of(noise)))).data
    assert data.real.std() == pytest.approx(1, abs=0.02)
    assert data.imag.std() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("n_readout", [12, 13])
def test_reversed_lines_are_turned_round(tmp_path, complex_normal, n_readout):
    image = complex_normal(2, 1, 6, 6)
    lines = lines_of(measure(image, n_readout))
    for line in lines[1::2]:
        line.data = line.data[:, ::-1]
        line.flags = (ismrmrd.ACQ_IS_REVERSE,)
        line.centre = n_readout - 1 - n_readout // 2
    header = make_header((1, 6, n_readout), recon=(1, 6, 6))
    kspace = sort_kspace(read_mrd(write_file(tmp_path / "raw.h5", header, lines)))
    assert close(kspace.data, measure(image, 6))


def test_asymmetric_echo_is_placed_by_its_centre(tmp_path, complex_normal):
    image = complex_normal(1, 1, 5, 12)
    lines = lines_of(measure(image, 12))
    for line in lines:
        line.data, line.centre = line.data[:, 4:], 2
    lines[1].data, lines[1].centre, lines[1].flags = lines[1].data[:, ::-1], 5, (ismrmrd.ACQ_IS_REVERSE,)
    kspace = sort_kspace(read_mrd(write_file(tmp_path / "raw.h5", make_header((1, 5, 12)), lines)))
    assert close(kspace.data[..., 4:], measure(image, 12)[..., 4:])
    assert (kspace.data[..., :4] == 0).all()
    assert (kspace.weights[..., :4] == 0).all()
    assert (kspace.weights[..., 4:] == 1).all()


def test_asymmetric_echo_with_oversampling_leaves_no_signal_where_nothing_was_measured(tmp_path, complex_normal):
    image = complex_normal(1, 1, 4, 16)
    lines = lines_of(measure(image, 32))
    for line in lines:
        line.data, line.centre = line.data[:, 10:], 6  # the first 10 of 32: k below −6, 5 points of the 16
    header = make_header((1, 4, 32), recon=(1, 4, 16))
    kspace = sort_kspace(read_mrd(write_file(tmp_path / "raw.h5", header, lines)))
    assert (kspace.weights[..., :5] == 0).all()
    assert (kspace.data[..., :5] == 0).all()
    assert (kspace.weights[..., 5:] == 1).all()
    error = np.abs(kspace.data.numpy() - measure(image, 16)).mean(axis=(0, 1, 2))
    assert error[7:14].max() < 0.15  # of 1.1, for a line whose missing part is as strong as the rest; no object's is


def test_discarded_samples_count_as_not_measured(tmp_path, complex_normal):
    kspace = complex_normal(1, 1, 4, 10)
    lines = lines_of(kspace)
    for line in lines:
        line.head = {"discard_pre": 2, "discard_post": 1}
    sorted_ = sort_kspace(read_mrd(write_file(tmp_path / "raw.h5", make_header((1, 4, 10)), lines)))
    assert (sorted_.weights[0, 0, 0] > 0).tolist() == [False] * 2 + [True] * 7 + [False]
    assert close(sorted_.data[..., 2:9], kspace[..., 2:9])


@pytest.mark.parametrize(("n", "first"), [(10, 3), (9, 4)])
def test_partial_fourier_lines_are_placed_by_the_limits_centre(tmp_path, complex_normal, n, first):
    full = complex_normal(2, 1, n, 8)
    lines = [Line(full[:, 0, y], y=y - first) for y in range(first, n)]  # the counter starts at the first measured line
    header = make_header((1, n, 8), centre=(0, n // 2 - first))
    header.encoding[0].encodingLimits.kspace_encoding_step_1.maximum = n - first - 1
    kspace = sort_kspace(read_mrd(write_file(tmp_path / "raw.h5", header, lines)))
    assert close(kspace.data[:, :, first:], full[:, :, first:])
    assert (kspace.weights[:, :, :first] == 0).all()
    assert (kspace.weights[:, :, first:] == 1).all()


def test_averages_are_the_mean_and_the_weights_say_how_many(tmp_path, complex_normal):
    full = [complex_normal(2, 1, 6, 8) for _ in range(3)]
    lines = lines_of(full[0])
    for number in (1, 2):
        lines += [Line(full[number][:, 0, y], y=y, counters={"average": number}) for y in (2, 3)]
    raw = read_mrd(write_file(tmp_path / "raw.h5", make_header((1, 6, 8)), lines))
    kspace = sort_kspace(raw)
    assert kspace.n_averages == 3
    assert close(kspace.data[:, :, 2:4], np.mean([f[:, :, 2:4] for f in full], axis=0))
    assert close(kspace.data[:, :, 4:], full[0][:, :, 4:])
    assert torch.allclose(kspace.weights[0, 0, :, 0].square() * 3, torch.tensor([1.0, 1, 3, 3, 1, 1]))
    only = sort_kspace(raw, average=1)
    assert only.n_averages == 1
    assert close(only.data[:, :, 2:4], full[1][:, :, 2:4])
    assert (only.weights[:, :, [0, 1, 4, 5]] == 0).all()


def test_weighted_data_have_equal_noise(tmp_path, complex_normal):
    header = make_header((1, 16, 256))
    lines = [Line(complex_normal(1, 256), y=y) for y in range(16) for _ in range(4 if y < 8 else 1)]
    kspace = sort_kspace(read_mrd(write_file(tmp_path / "raw.h5", header, lines)))
    white = (kspace.weights * kspace.data).real[0, 0]
    assert white[:8].std() == pytest.approx(0.5, rel=0.06)
    assert white[8:].std() == pytest.approx(0.5, rel=0.06)


def test_batch_axes_come_in_the_order_of_the_contract(tmp_path, complex_normal):
    counts = {"set": 2, "repetition": 3, "phase": 2, "contrast": 2, "slice": 3}
    full = complex_normal(*counts.values(), 2, 1, 1, 5)
    lines = [
        Line(full[index][:, 0, 0], counters={k: 2 * i + 1 for k, i in zip(counts, index, strict=True)})
        for index in np.ndindex(*counts.values())
    ]
    order = np.random.default_rng(2).permutation(len(lines))
    kspace = sort_kspace(read_mrd(write_file(tmp_path / "raw.h5", make_header((1, 1, 5)), [lines[i] for i in order])))
    assert kspace.batch_axes == tuple(counts)
    assert close(kspace.data, full)
    assert kspace.weights.shape == (*counts.values(), 1, 1, 1, 5)
    assert kspace.geometry.centres.shape == (3, 3)


def test_samples_agree_with_the_ismrmrd_package(tmp_path, complex_normal):
    lines = [Line(complex_normal(2, n), y=n - 3) for n in (3, 5, 4)]
    path = write_file(tmp_path / "raw.h5", make_header((1, 3, 4)), lines)
    raw = read_mrd(path)
    with ismrmrd.Dataset(str(path), "dataset", mode="r") as dataset:
        for i in range(3):
            assert np.array_equal(raw.readout(i), dataset.read_acquisition(i).data)
    assert raw.block(np.array([1])).shape == (1, 2, 5)


def test_streams_are_kept_apart(tmp_path, complex_normal):
    image, calibration, both = (complex_normal(2, 8) for _ in range(3))
    flags = ismrmrd
    lines = [
        Line(complex_normal(2, 20), flags=(flags.ACQ_IS_NOISE_MEASUREMENT,), head={"sample_time_us": 5.0}),
        *(Line(image, y=y) for y in (0, 2, 6)),
        Line(calibration, y=3, flags=(flags.ACQ_IS_PARALLEL_CALIBRATION,)),
        Line(both, y=4, flags=(flags.ACQ_IS_PARALLEL_CALIBRATION_AND_IMAGING,)),
        Line(image, y=1, flags=(flags.ACQ_IS_PHASECORR_DATA,)),
        Line(image, y=1, flags=(flags.ACQ_IS_NAVIGATION_DATA,)),
        Line(image, y=1, flags=(flags.ACQ_IS_DUMMYSCAN_DATA,)),
        Line(image, y=1, flags=(flags.ACQ_IS_RTFEEDBACK_DATA,)),
        Line(image, y=1, head={"encoding_space_ref": 1}),
    ]
    raw = read_mrd(write_file(tmp_path / "raw.h5", make_header((1, 8, 8)), lines))
    found = {name: indices.tolist() for name, indices in vars(raw.streams).items()}
    assert found == {
        "noise": [0],
        "imaging": [1, 2, 3],
        "calibration": [4],
        "calibration_and_imaging": [5],
        "phase_correction": [6],
        "navigation": [7],
        "dummy": [8],
        "other": [9, 10],
    }
    kspace, reference = sort_kspace(raw), calibration_kspace(raw)
    assert measured_lines(kspace) == [0, 2, 4, 6]
    assert measured_lines(reference) == [3, 4]
    assert close(reference.data[:, 0, 3], calibration)
    assert noise_samples(raw).shape == (2, 20)
    assert noise_dwell_time_ratio(raw) == pytest.approx(0.5)


def test_calibration_has_the_slices_of_the_image(tmp_path, complex_normal):
    image = [Line(complex_normal(2, 6), y=y, counters={"slice": s, "contrast": c}) for y, s, c in np.ndindex(4, 3, 2)]
    flags = (ismrmrd.ACQ_IS_PARALLEL_CALIBRATION,)
    reference = [Line(complex_normal(2, 6), y=2, counters={"slice": s}, flags=flags) for s in (0, 2)]
    raw = read_mrd(write_file(tmp_path / "raw.h5", make_header((1, 4, 6)), image + reference))
    calibration = calibration_kspace(raw)
    assert calibration.batch_axes == ("slice",)
    assert calibration.data.shape == (3, 2, 1, 4, 6)
    assert calibration.weights.sum(dim=(1, 2, 3, 4)).tolist() == [6, 0, 6]


def test_without_calibration_and_noise_there_is_none(tmp_path, complex_normal):
    raw = read_mrd(write_file(tmp_path / "raw.h5", make_header((1, 4, 6)), lines_of(complex_normal(1, 1, 4, 6))))
    assert calibration_kspace(raw) is None
    assert noise_samples(raw) is None
    assert noise_dwell_time_ratio(raw) is None


def test_another_encoding_can_be_chosen(tmp_path, complex_normal):
    header = make_header((1, 4, 6))
    header.encoding.append(make_header((1, 5, 7)).encoding[0])
    second = complex_normal(1, 1, 5, 7)
    lines = lines_of(complex_normal(1, 1, 4, 6))
    for line in lines_of(second):
        line.head = {"encoding_space_ref": 1}
        lines.append(line)
    path = write_file(tmp_path / "raw.h5", header, lines)
    assert sort_kspace(read_mrd(path)).data.shape == (1, 1, 4, 6)
    assert close(sort_kspace(read_mrd(path, encoding=1)).data, second)
