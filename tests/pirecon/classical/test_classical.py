"""What all classical methods share: shapes, batches, determinism, unit noise, progress."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from pirecon.classical import adjoint, cg_sense, l1_wavelet, total_variation
from pirecon.encoding import CartesianSense

METHODS = [adjoint, cg_sense, l1_wavelet, total_variation]
ITERATIVE = [cg_sense, l1_wavelet, total_variation]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_coils", [1, 4])
def test_recovers_a_strong_fully_sampled_object(method: Callable, n_coils: int, make_scan: Callable) -> None:
    scan = make_scan(n_coils=n_coils, snr=1000)
    assert scan.error(method(scan.kspace, scan.E)) < 3e-3


@pytest.mark.parametrize("method", METHODS)
def test_batch_elements_are_reconstructed_on_their_own(method: Callable, make_scan: Callable) -> None:
    """A batch of scans with different strengths, maps and sampling gives what each gives alone."""
    scans = [
        make_scan((1, 24, 19), acceleration=r, snr=s, seed=i) for i, (r, s) in enumerate([(1, 5), (2, 50), (3, 10)])
    ]
    maps, weights, kspace = (
        torch.stack(parts) for parts in zip(*((s.E.maps, s.E.weights, s.kspace) for s in scans), strict=True)
    )
    together = method(kspace, CartesianSense(maps, weights))
    assert together.shape == (3, 1, 24, 19)
    for image, scan in zip(together, scans, strict=True):
        torch.testing.assert_close(image, method(scan.kspace, scan.E), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_one_operator_serves_many_repetitions(method: Callable, make_scan: Callable) -> None:
    scans = [make_scan((1, 20, 17), acceleration=2, seed=0), make_scan((1, 20, 17), acceleration=2, snr=20, seed=0)]
    together = method(torch.stack([s.kspace for s in scans]), scans[0].E)
    for image, scan in zip(together, scans, strict=True):
        torch.testing.assert_close(image, method(scan.kspace, scan.E), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_volumes_with_odd_sizes(method: Callable, make_scan: Callable) -> None:
    scan = make_scan((9, 21, 18), acceleration=2, snr=15)
    image = method(scan.kspace, scan.E)
    assert image.shape == (9, 21, 18)
    assert scan.error(image) < 0.4


@pytest.mark.parametrize("method", METHODS)
def test_same_data_give_the_same_image(method: Callable, make_scan: Callable) -> None:
    scan = make_scan(acceleration=2)
    assert torch.equal(method(scan.kspace, scan.E), method(scan.kspace, scan.E))


@pytest.mark.parametrize("method", METHODS)
def test_nothing_measured_gives_a_black_image(method: Callable, make_scan: Callable) -> None:
    scan = make_scan((1, 16, 12))
    image = method(torch.zeros_like(scan.kspace), scan.E)
    assert torch.equal(image, torch.zeros_like(image))
    silent = CartesianSense(scan.E.maps, torch.zeros_like(scan.E.weights))
    assert torch.equal(method(torch.zeros_like(scan.kspace), silent), image)


@pytest.mark.parametrize("method", METHODS)
def test_single_precision_is_kept(method: Callable, make_scan: Callable) -> None:
    scan = make_scan((1, 24, 20), acceleration=2)
    E = CartesianSense(scan.E.maps.to(torch.complex64), scan.E.weights.float())
    image = method(scan.kspace.to(torch.complex64), E)
    assert image.dtype == torch.complex64
    torch.testing.assert_close(image.to(torch.complex128), method(scan.kspace, scan.E), rtol=1e-3, atol=2e-2)


@pytest.mark.parametrize("method", METHODS)
def test_constant_phase_only_turns_the_image(method: Callable, make_scan: Callable) -> None:
    scan = make_scan((1, 24, 20), acceleration=2)
    turn = torch.exp(torch.tensor(2.1j, dtype=torch.complex128))
    torch.testing.assert_close(method(turn * scan.kspace, scan.E), turn * method(scan.kspace, scan.E))


@pytest.mark.parametrize("method", ITERATIVE)
def test_progress_is_told_every_iteration(method: Callable, make_scan: Callable) -> None:
    scan = make_scan((1, 16, 12), acceleration=2)
    seen: list[int] = []
    method(scan.kspace, scan.E, n_iterations=6, progress=seen.append)
    assert seen == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("method", METHODS)
def test_nothing_is_recorded_for_gradients(method: Callable, make_scan: Callable) -> None:
    scan = make_scan((1, 16, 12))
    assert not method(scan.kspace.clone().requires_grad_(), scan.E).requires_grad


@pytest.mark.parametrize("method", METHODS)
def test_finer_grid_keeps_brightness_per_field_of_view(method: Callable, make_scan: Callable) -> None:
    """On a grid 1.5 times finer the orthonormal transform spreads the same energy over more voxels."""
    coarse = make_scan((1, 32, 30), n_coils=1, snr=200)
    maps = torch.ones(1, 1, 48, 45, dtype=torch.complex128)
    image = method(coarse.kspace, CartesianSense(maps, coarse.E.weights))
    assert image.shape == (1, 48, 45)
    energy = torch.linalg.vector_norm(image) / torch.linalg.vector_norm(coarse.truth)
    assert abs(float(energy) - 1) < 0.01


@pytest.mark.parametrize("method", METHODS)
def test_wrong_coil_count_is_refused(method: Callable, make_scan: Callable) -> None:
    scan = make_scan((1, 16, 12), n_coils=4)
    with pytest.raises(ValueError, match=r"\(3, 1, 16, 12\).*\(4, 1, 16, 12\)"):
        method(scan.kspace[:3], scan.E)


def test_scan_is_what_it_says(make_scan: Callable) -> None:
    """The fixture itself: unit noise in every measured sample, none elsewhere."""
    scan = make_scan((1, 64, 64), acceleration=2)
    noise = scan.kspace - scan.E(scan.truth)
    measured = (scan.E.weights > 0).expand_as(noise)
    assert torch.count_nonzero(noise[~measured]) == 0
    assert abs(float(noise[measured].real.std()) - 1) < 0.03
    assert abs(float(noise[measured].imag.std()) - 1) < 0.03
