"""The prior's relative error: the equation that is solved, and what it does to strong and to weak frequencies."""

import pytest
import torch
from torch import Tensor

from pirecon.algebra.fft import centred_fft, centred_ifft
from pirecon.encoding import CartesianSense
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
    precision = torch.fft.fftshift(spectral_precision(z, weight, step.log_relative_error.exp()), AXES)
    penalty = centred_ifft(precision * centred_fft(x - z, AXES), AXES)
    torch.testing.assert_close(E.N(x) - E.H(y) + penalty, torch.zeros_like(x), atol=1e-7, rtol=0)


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
