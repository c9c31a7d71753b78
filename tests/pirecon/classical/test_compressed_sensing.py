"""The l1-wavelet and total-variation reconstructions: minima, defaults, comparisons with SigPy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import pywt
import sigpy.app
import sigpy.mri.linop
import torch
from torch import Tensor

from pirecon.algebra.finite_difference import FiniteDifference
from pirecon.algebra.wavelet import Wavelet
from pirecon.classical import cg_sense, l1_wavelet, total_variation
from pirecon.classical.scale import noise_gain

METHODS = [l1_wavelet, total_variation]


def data_term(scan, x: Tensor) -> float:
    return 0.5 * float((scan.E(x) - scan.kspace).abs().square().sum())


def wavelet_objective(scan, x: Tensor, strength: float) -> float:
    wavelet = Wavelet(x.shape, dtype=torch.float64)
    penalty = (wavelet(x).abs() * wavelet.detail_mask()).sum()
    return data_term(scan, x) + strength * float(noise_gain(scan.E, x)) * float(penalty)


def variation_objective(scan, x: Tensor, strength: float) -> float:
    lengths = torch.linalg.vector_norm(FiniteDifference(x.shape)(x), dim=0)
    return data_term(scan, x) + strength * float(noise_gain(scan.E, x)) * float(lengths.sum())


class PyWavelets(sigpy.linop.Linop):
    """One level of the periodised db2 of PyWavelets on ``(1, y, x)``, with the origin of ours."""

    def __init__(self, shape: tuple[int, ...], inverse: bool = False) -> None:
        self.inverse = inverse
        super().__init__(shape, shape)

    def _apply(self, x: np.ndarray) -> np.ndarray:
        y, n = (size // 2 for size in x.shape[1:])
        if self.inverse:
            bands = (x[0, :y, :n], (x[0, y:, :n], x[0, :y, n:], x[0, y:, n:]))
            return np.roll(pywt.idwt2(bands, "db2", mode="periodization"), (1, 1), (0, 1))[None]
        low, (vertical, horizontal, diagonal) = pywt.dwt2(np.roll(x[0], (-1, -1), (0, 1)), "db2", mode="periodization")
        return np.block([[low, horizontal], [vertical, diagonal]])[None]

    def _adjoint_linop(self) -> sigpy.linop.Linop:
        return PyWavelets(self.oshape, not self.inverse)


class IsotropicThreshold(sigpy.prox.Prox):
    """prox of λ Σ ‖g(r)‖₂ over the leading axis."""

    def __init__(self, shape: tuple[int, ...], strength: float) -> None:
        self.strength = strength
        super().__init__(shape)

    def _prox(self, alpha: float, g: np.ndarray) -> np.ndarray:
        length = np.maximum(np.linalg.norm(g, axis=0), 1e-300)
        return g * np.maximum(1 - alpha * self.strength / length, 0)


def sigpy_sense(scan) -> sigpy.linop.Linop:
    return sigpy.mri.linop.Sense(scan.E.maps.numpy(), weights=scan.E.weights.expand_as(scan.kspace).numpy())


@pytest.mark.parametrize("n_coils", [1, 4])
def test_wavelet_objective_is_at_least_as_low_as_sigpys(n_coils: int, make_scan: Callable) -> None:
    """The problem on a fixed grid, handed to SigPy with the transform of PyWavelets and as many iterations."""
    scan, strength = make_scan((1, 30, 28), n_coils=n_coils, acceleration=2), 1.3
    weight = strength * float(noise_gain(scan.E, scan.truth))
    details = np.ones((1, 30, 28))
    details[:, :15, :14] = 0
    transform = PyWavelets((1, 30, 28))
    threshold = sigpy.prox.UnitaryTransform(sigpy.prox.L1Reg(transform.oshape, weight * details), transform)
    theirs = sigpy.app.LinearLeastSquares(
        sigpy_sense(scan), scan.kspace.numpy(), proxg=threshold, max_iter=200, show_pbar=False
    ).run()
    ours = l1_wavelet(scan.kspace, scan.E, strength=strength, n_iterations=200, cycle_spinning=False)
    objectives = [wavelet_objective(scan, x, strength) for x in (ours, torch.from_numpy(theirs))]
    assert objectives[0] <= objectives[1] * (1 + 1e-9)
    assert objectives[1] < objectives[0] * (1 + 1e-3)  # both minimise the same thing
    assert torch.linalg.vector_norm(ours - torch.from_numpy(theirs)) < 1e-2 * torch.linalg.vector_norm(ours)


@pytest.mark.parametrize("n_coils", [1, 4])
def test_variation_objective_is_at_least_as_low_as_sigpys(n_coils: int, make_scan: Callable) -> None:
    """SigPy's own differences without the wrap, its primal-dual solver, ten times our iterations."""
    scan, strength = make_scan((1, 30, 28), n_coils=n_coils, acceleration=2), 0.7
    weight = strength * float(noise_gain(scan.E, scan.truth))
    differences = sigpy.linop.FiniteDifference((1, 30, 28), axes=(-2, -1))
    inside = np.ones(differences.oshape)
    # SigPy's difference is x[i] − x[i − 1] with wrap at i = 0; only its sign and place differ from ours.
    inside[0, :, 0], inside[1, :, :, 0] = 0, 0
    # Components live at the later voxel there: move each back to where ours are, so that lengths are the same.
    place = sigpy.linop.Vstack(
        [
            sigpy.linop.Reshape((1, 1, 30, 28), (1, 30, 28))
            * sigpy.linop.Circshift((1, 30, 28), [-1], axes=[axis])
            * sigpy.linop.Reshape((1, 30, 28), (1, 1, 30, 28))
            * sigpy.linop.Slice(differences.oshape, (slice(number, number + 1),))
            for number, axis in enumerate((-2, -1))
        ],
        axis=0,
    )
    transform = place * sigpy.linop.Multiply(differences.oshape, inside) * differences
    theirs = sigpy.app.LinearLeastSquares(
        sigpy_sense(scan),
        scan.kspace.numpy(),
        proxg=IsotropicThreshold(transform.oshape, weight),
        G=transform,
        max_iter=300,
        show_pbar=False,
    ).run()
    ours = total_variation(scan.kspace, scan.E, strength=strength)
    objectives = [variation_objective(scan, x, strength) for x in (ours, torch.from_numpy(theirs))]
    assert objectives[0] <= objectives[1] * (1 + 1e-5)
    assert objectives[1] < objectives[0] * (1 + 1e-2)
    assert torch.linalg.vector_norm(ours - torch.from_numpy(theirs)) < 2e-2 * torch.linalg.vector_norm(ours)


@pytest.mark.parametrize("n_coils", [1, 4])
@pytest.mark.parametrize("snr", [5, 40])
def test_default_iterations_reach_the_minimum_of_the_variation(n_coils: int, snr: float, make_scan: Callable) -> None:
    scan = make_scan(n_coils=n_coils, acceleration=3, snr=snr)
    objective, limit = (
        variation_objective(scan, total_variation(scan.kspace, scan.E, strength=0.7, n_iterations=n), 0.7)
        for n in (50, 300)
    )
    assert objective < limit * (1 + 1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_many_iterations_do_not_diverge(method: Callable, make_scan: Callable) -> None:
    """Inexact proximal maps and momentum may drift apart; the restart prevents it."""
    scan = make_scan((1, 30, 28), n_coils=1, acceleration=2)
    few, many = (method(scan.kspace, scan.E, n_iterations=n) for n in (150, 600))
    assert torch.linalg.vector_norm(few - many) < 0.03 * torch.linalg.vector_norm(many)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("n_coils", "acceleration", "snr"), [(1, 1, 3), (1, 2, 10), (8, 3, 3), (8, 3, 40)])
def test_default_needs_no_tuning(
    method: Callable, n_coils: int, acceleration: int, snr: float, make_scan: Callable
) -> None:
    """At most 2 dB from the best of five strengths, chosen with the truth."""
    scan = make_scan(n_coils=n_coils, acceleration=acceleration, snr=snr)
    strengths = (0.3, 0.6, 1.0, 1.7, 3.0)
    tuned = min(scan.error(method(scan.kspace, scan.E, strength=s)) for s in strengths)
    assert scan.error(method(scan.kspace, scan.E)) < 10 ** (2 / 20) * tuned


@pytest.mark.parametrize("method", METHODS)
def test_beats_least_squares_where_it_should(method: Callable, make_scan: Callable) -> None:
    """A piecewise smooth object at R = 3 and SNR 10: clearly better than CG-SENSE with its own default."""
    scan = make_scan(acceleration=3, snr=10)
    assert scan.error(method(scan.kspace, scan.E)) < 0.8 * scan.error(cg_sense(scan.kspace, scan.E))


@pytest.mark.parametrize("method", METHODS)
def test_noise_alone_is_removed(method: Callable, make_scan: Callable) -> None:
    scan = make_scan(snr=0)
    assert float(method(scan.kspace, scan.E).abs().square().mean()) < 0.2  # 2 in the zero-filled image


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("strength", [-0.1, float("nan"), float("inf")])
def test_strengths_without_meaning_are_refused(method: Callable, strength: float, make_scan: Callable) -> None:
    scan = make_scan((1, 16, 12))
    with pytest.raises(ValueError, match=f"strength is {strength}.*must be zero or positive"):
        method(scan.kspace, scan.E, strength=strength)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("strength", [0, 1e-9])
def test_vanishing_strength_is_least_squares(method: Callable, strength: float, make_scan: Callable) -> None:
    scan = make_scan()
    image = method(scan.kspace, scan.E, strength=strength)
    torch.testing.assert_close(image, scan.E.adjoint(scan.kspace), rtol=1e-6, atol=1e-6)


def test_enormous_strength_leaves_one_value_of_the_image(make_scan: Callable) -> None:
    scan = make_scan((1, 20, 18), n_coils=1)
    flat = total_variation(scan.kspace, scan.E, strength=1e3, n_iterations=200)
    mean = scan.E.adjoint(scan.kspace).mean()
    assert float((flat - mean).abs().max()) < 0.02 * float(mean.abs())


def test_cycle_spinning_lowers_the_error(make_scan: Callable) -> None:
    scan = make_scan(acceleration=2, snr=20)
    fixed, spun = (l1_wavelet(scan.kspace, scan.E, cycle_spinning=spin) for spin in (False, True))
    assert scan.error(spun) < 0.85 * scan.error(fixed)


@pytest.mark.parametrize("method", METHODS)
def test_missing_samples_fill_in_even_without_noise_worth_mentioning(method: Callable, make_scan: Callable) -> None:
    """SNR 3000, R = 2: λ of the noise alone would creep; continuation makes 50 iterations do what 1000 do."""
    scan = make_scan((1, 64, 60), acceleration=2, snr=3000)
    few, many = (scan.error(method(scan.kspace, scan.E, n_iterations=n)) for n in (50, 1000))
    assert few < 2 * many + 0.01
