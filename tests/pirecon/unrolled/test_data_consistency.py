"""The prior's relative error: the equation that is solved, and what it does to strong and to weak frequencies."""

import pytest
import torch
from torch import Tensor

from pirecon.algebra.fft import centred_fft, centred_ifft
from pirecon.encoding import CartesianSense
from pirecon.priors.polynomial_phase import polynomial_phasor
from pirecon.unrolled.data_consistency import ProximalStep
from pirecon.unrolled.prior_error import spectral_precision

GRID = (3, 7, 10)
AXES = (-3, -2, -1)


def random_complex(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.complex128, generator=torch.Generator().manual_seed(seed))


def encoding(n_coils: int = 3) -> CartesianSense:
    maps = random_complex(n_coils, *GRID, seed=1)
    weights = (random_complex(1, *GRID, seed=2).real > -0.3).double()
    return CartesianSense(maps / maps.abs().square().sum(0).sqrt(), weights)


def test_the_step_solves_its_equation() -> None:
    E, z = encoding(), 5 * random_complex(2, *GRID, seed=3)
    y, weight = E(random_complex(2, *GRID, seed=4)), torch.tensor(0.7, dtype=torch.float64)
    step = ProximalStep(60, relative_error=0.2).double()
    x = step(z, E.H(y), E, weight)
    assert step.log_relative_error is not None
    phasor = polynomial_phasor(z, n_axes=3)
    precision = spectral_precision(z * phasor.conj(), weight, step.log_relative_error.exp())
    deviation = centred_fft(phasor.conj() * (x - z), AXES)
    penalty = phasor * centred_ifft(torch.fft.fftshift(precision, AXES) * deviation, AXES)
    torch.testing.assert_close(E.N(x) - E.H(y) + penalty, torch.zeros_like(x), atol=1e-7, rtol=0)


@pytest.mark.parametrize("turns", [(0.0, 0.5, 0.0), (0.4, 2.37, -4.61)])
def test_a_linear_phase_goes_through_wherever_between_two_samples_kspace_peaks(turns: tuple[float, ...]) -> None:
    grid = (5, 25, 22)
    z = torch.zeros(grid, dtype=torch.complex128)
    z[1:4, 5:19, 4:16] = 30 + 3 * random_complex(3, 14, 12, seed=3)
    maps = random_complex(3, *grid, seed=1)
    E = CartesianSense(maps / maps.abs().square().sum(0).sqrt(), torch.ones(1, *grid, dtype=torch.float64))
    adjoint, weight = E.normal(z + random_complex(*grid, seed=4)), torch.tensor(2.0, dtype=torch.float64)
    places = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) / n for n in grid), indexing="ij")
    angle = 2 * torch.pi * sum(turn * place for turn, place in zip(turns, places, strict=True))
    phasor, step = torch.polar(torch.ones_like(angle), angle), ProximalStep(6, relative_error=0.2).double()
    with torch.no_grad():
        expected = phasor * step(z, adjoint, E, weight)
        found = step(z * phasor, adjoint * phasor, E, weight)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6 * float(expected.abs().max()))


def test_a_small_relative_error_changes_nothing() -> None:
    E, z, weight = encoding(), random_complex(*GRID, seed=3), torch.tensor(2.0, dtype=torch.float64)
    y = E(random_complex(*GRID, seed=4))
    plain, same = (ProximalStep(40, relative_error=e).double()(z, E.H(y), E, weight) for e in (0.0, 1e-9))
    torch.testing.assert_close(plain, same, atol=1e-7, rtol=0)


def test_strong_frequencies_come_from_the_data_and_weak_ones_from_both() -> None:
    """One coil, fully sampled: every frequency is (ŷ + Λ ẑ) / (1 + Λ), with Λ of its own strength."""
    E = CartesianSense(torch.ones(1, *GRID, dtype=torch.complex128), torch.ones(1, *GRID, dtype=torch.float64))
    z = torch.full(GRID, 40.0, dtype=torch.complex128) + 0.01 * random_complex(*GRID, seed=1)
    y = E(z + random_complex(*GRID, seed=2))
    x = ProximalStep(1, relative_error=0.1).double()(z, E.H(y), E, torch.tensor(9.0, dtype=torch.float64))
    towards_data = centred_fft(x - z, AXES) / (y[0] - centred_fft(z, AXES))
    centre = tuple(n // 2 for n in GRID)
    assert towards_data[centre].real.item() == pytest.approx(1, abs=0.01)
    assert towards_data[0, 0, 0].real.item() == pytest.approx(0.1, abs=0.01)


def test_preconditioned_fully_sampled_scans_need_one_iteration() -> None:
    E = CartesianSense(torch.ones(1, *GRID, dtype=torch.complex128), torch.ones(1, *GRID, dtype=torch.float64))
    z, y = 10 * random_complex(*GRID, seed=1), random_complex(1, *GRID, seed=2)
    weight = torch.tensor(3.0, dtype=torch.float64)
    one, many = (ProximalStep(n, relative_error=0.3).double()(z, E.H(y), E, weight) for n in (1, 50))
    torch.testing.assert_close(one, many, atol=1e-10, rtol=0)


def test_negative_error_is_refused() -> None:
    with pytest.raises(ValueError, match=r"relative error is -0.1; give a share"):
        ProximalStep(4, relative_error=-0.1)
