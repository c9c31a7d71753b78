"""Files of real scanners and of ismrmrd-tools."""

from __future__ import annotations

import h5py
import ismrmrd
import numpy as np
import pytest

from pirecon.algebra.fft import centred_ifft
from pirecon.rawdata import audit, calibration_kspace, noise_samples, read_mrd, sort_kspace


def stored(path, name: str) -> np.ndarray:
    with h5py.File(path) as file:
        values = file["dataset"][name][0]
    return values["real"] + 1j * values["imag"]


def names(raw) -> set[str]:
    return {finding.name for finding in audit(raw)}


@pytest.mark.parametrize("name", ["shepp_logan_r1_repetitions.h5", "shepp_logan_r2_noise_scan.h5"])
def test_generated_phantom_differs_from_its_truth_by_nothing_but_noise(shared_data, name):
    path = shared_data / name
    raw = read_mrd(path)
    kspace = sort_kspace(raw)
    # The two interleaved repetitions together are fully sampled; repetitions that are full are averaged.
    n = kspace.weights.sum(dim=0, keepdim=True)
    images = centred_ifft((kspace.data.sum(dim=0, keepdim=True) / n)[0, :, 0], (-2, -1)).numpy()
    truth = stored(path, "phantom") * stored(path, "csm")  # (coil, y, x)
    residual = images - truth
    noise = noise_samples(raw).numpy()  # a few hundred samples, of the same level in all coils
    sigma = np.sqrt(np.mean(np.abs(noise) ** 2) / 2 / float(n.mean()))
    inside = np.abs(truth) > 1e-3 * np.abs(truth).max()
    for part in (residual.real, residual.imag):
        assert part[inside].std() == pytest.approx(sigma, rel=0.05)
        assert part[~inside].std() == pytest.approx(sigma, rel=0.05)
    # What is left of the truth in the residual is as small as noise makes it: no error of scale or phase.
    assert np.abs(np.vdot(truth, residual)) / np.linalg.norm(truth) < 4 * sigma
    assert "degenerate directions" in names(raw)


def test_generated_phantom_has_sixteen_separate_calibration_lines(shared_data):
    raw = read_mrd(shared_data / "shepp_logan_r2_noise_scan.h5")
    calibration = calibration_kspace(raw)
    lines = np.flatnonzero(calibration.weights.amax(dim=(0, 1, 2, 4)).numpy())
    assert lines.tolist() == list(range(40, 56))
    assert "calibration region too small" not in names(raw)
    assert "acceleration not as claimed" not in names(raw)


@pytest.mark.parametrize("name", ["brain_0.055T_6A_FSE.h5", "brain_0.055T_7A_GRE.h5", "brain_0.055T_S6A_FLAIR.h5"])
def test_lines_of_brains_are_where_the_ismrmrd_package_says(shared_data, name):
    path = shared_data / name
    kspace = sort_kspace(read_mrd(path))
    with ismrmrd.Dataset(str(path), "dataset", mode="r") as dataset:
        header = ismrmrd.xsd.CreateFromDocument(dataset.read_xml_header())
        shift = kspace.data.shape[-2] // 2 - header.encoding[0].encodingLimits.kspace_encoding_step_1.center
        for i in range(0, dataset.number_of_acquisitions(), 11):
            line = dataset.read_acquisition(i)
            sorted_line = kspace.data[line.idx.slice, :, 0, line.idx.kspace_encode_step_1 + shift]
            assert np.array_equal(sorted_line.numpy(), line.data)
    assert kspace.batch_axes == ("slice",)
    assert np.allclose(kspace.geometry.centres[:, 2], [0.015, 0.005, -0.005, -0.015])
    assert np.array_equal(kspace.geometry.directions, [[0, 0, -1], [-1, 0, 0], [0, -1, 0]])


def test_brains_peak_beside_the_centre_and_have_no_noise_scan(shared_data):
    found = names(read_mrd(shared_data / "brain_0.055T_6A_FSE.h5"))
    assert {"k-space centre not where the header says", "noise scan missing"} <= found


def test_the_mean_of_two_averages_is_the_mean(shared_data):
    raw = read_mrd(shared_data / "brain_0.055T_interference_caged.h5")
    both, first, second = sort_kspace(raw), sort_kspace(raw, average=0), sort_kspace(raw, average=1)
    assert both.n_averages == 2
    assert np.allclose(both.data, (first.data + second.data) / 2, atol=1e-3 * float(both.data.abs().max()) * 1e-3)


def test_tubes_have_a_shutter_of_zeros_that_was_never_measured(shared_data):
    raw = read_mrd(shared_data / "tubes_0.0504T_shift1.h5")
    kspace = sort_kspace(raw)
    assert kspace.geometry.voxel_size == pytest.approx((0.016, 0.0015, 0.0015))
    assert "all-zero partition" in names(raw)
    empty = (kspace.data == 0).all(dim=-1)[0]
    assert ((kspace.weights[0, ..., 0] == 0) == empty).all()
