"""The non-Cartesian forward operator: its parts, its fast paths, and an object whose spectrum is known."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from torch import Tensor

from pirecon.algebra.conjugate_gradient import conjugate_gradient
from pirecon.algebra.nufft import Nufft
from pirecon.calibration.density_compensation import pipe_menon
from pirecon.encoding import CartesianSense, Evolution, Evolving, NonCartesianSense, StackOfStars, grid_points
from pirecon.encoding.non_cartesian import sampling_transform
from pirecon.rawdata import read_mrd, sort_readouts
from pirecon.rawdata.geometry import Geometry
from pirecon.rawdata.trajectory import Trajectory


def random_complex(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.complex128, generator=torch.Generator().manual_seed(seed))


def random_real(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def stack(*, uniform: bool) -> Tensor:
    """Four of five partitions, three readouts in each, on a grid (5, 8, 9)."""
    flat = (random_real(1 if uniform else 4, 3, 7, 3, seed=3) - 0.5) * torch.tensor([0.0, 8, 9])
    points = flat.expand(4, 3, 7, 3).clone()
    points[..., 0] = torch.tensor([0.0, -2, 1, 2]).reshape(4, 1, 1)
    return points.transpose(0, 1).reshape(12, 7, 3)


def test_on_the_grid_it_is_the_cartesian_encoding() -> None:
    grid = (3, 5, 6)
    maps, x = random_complex(2, *grid), random_complex(*grid, seed=1)
    weights = random_real(1, *grid)
    k = torch.stack(torch.meshgrid(*(torch.arange(n) - n // 2 for n in grid), indexing="ij"), -1).double()
    E = NonCartesianSense(maps, k.flatten(0, 1), weights.flatten(1, 2))
    wanted = CartesianSense(maps, weights)
    torch.testing.assert_close(E(x), wanted(x).flatten(1, 2), rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(E.normal(x), wanted.normal(x), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("uniform", [True, False])
def test_stack_is_the_general_transform(uniform: bool) -> None:
    points, grid = stack(uniform=uniform), (5, 8, 9)
    fast, general = sampling_transform(points, grid), Nufft(points, grid)
    assert isinstance(fast, StackOfStars)
    assert fast.is_uniform == uniform
    x, y, weights = random_complex(2, *grid), random_complex(2, 12, 7, seed=1), random_real(12, 7, seed=2)
    torch.testing.assert_close(fast(x), general(x), rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(fast.adjoint(y), general.adjoint(y), rtol=1e-11, atol=1e-11)
    wanted = general.adjoint(weights * general(x))
    torch.testing.assert_close(fast.gram(weights)(x), wanted, rtol=1e-11, atol=1e-11)


def test_what_is_no_stack_takes_the_general_way() -> None:
    points = stack(uniform=True)
    tilted = points + torch.tensor([0.01, 0, 0]) * torch.arange(7)[:, None]
    for path in (tilted, points + torch.tensor([0.4, 0, 0])):
        assert isinstance(sampling_transform(path, (5, 8, 9)), Nufft)
    with pytest.raises(ValueError, match="no stack of stars"):
        StackOfStars(tilted, (5, 8, 9))


def test_evolving_signal_is_the_sum_over_voxels_with_a_phase_that_grows() -> None:
    """Off-resonance on a free trajectory: y_j = 1/√N Σ_r S x exp(−2πi (p·r/n + δf t_j)), with one component a voxel."""
    grid, n = (1, 3, 4), 12
    points = (random_real(2, 6, 3, seed=4) - 0.5) * torch.tensor([0.0, 3, 4])
    maps, x, field = random_complex(2, *grid), random_complex(*grid, seed=1), 50 * random_real(*grid, seed=2)
    t = 1e-3 * torch.arange(12, dtype=torch.float64).reshape(2, 6)
    basis = torch.exp(-2j * math.pi * field.reshape(n, 1, 1) * t)
    each = torch.eye(n, dtype=torch.complex128).reshape(n, *grid)
    E = Evolving(NonCartesianSense(maps, points), Evolution(basis, each, 0.0, "exact"))
    r = torch.cartesian_prod(*(torch.arange(m, dtype=torch.float64) - m // 2 for m in grid)) / torch.tensor(grid)
    phase = points.reshape(12, 3) @ r.T + t.reshape(12, 1) * field.reshape(1, n)
    wanted = (maps * x).reshape(2, n) @ torch.exp(-2j * math.pi * phase).T / math.sqrt(n)
    torch.testing.assert_close(E(x).reshape(2, 12), wanted, rtol=1e-11, atol=1e-11)


def test_spokes_of_a_gaussian_come_back() -> None:
    """Least squares from the known spectrum of a Gaussian, exp(−|r|²/2s²) ↔ 2πs² exp(−2π²s²|k|²), gives its voxels."""
    n, width = 32, 0.06  # of the field of view
    angles = math.pi * torch.arange(50, dtype=torch.float64) / 50
    radius = (torch.arange(64, dtype=torch.float64) - 32) / 2
    points = torch.stack([torch.zeros(50, 64), angles.sin()[:, None] * radius, angles.cos()[:, None] * radius], -1)
    spectrum = 2 * math.pi * width**2 * torch.exp(-2 * math.pi**2 * width**2 * points.square().sum(-1)) * n
    E = NonCartesianSense(torch.ones(1, 1, n, n, dtype=torch.complex128), points)
    image = conjugate_gradient(E.normal, E.adjoint(spectrum[None].to(torch.complex128)), n_iterations=30)
    r = (torch.arange(n, dtype=torch.float64) - n // 2) / n
    wanted = torch.exp(-(r[:, None] ** 2 + r**2) / (2 * width**2))
    assert float((image[0].real - wanted).abs().max()) < 0.01


def test_spokes_played_to_isochromats_give_the_upright_object(tmp_path: Path) -> None:
    """Place, orientation and contrast of an asymmetric object that bloch scanned; gridding at the scale of the fit."""
    path = tmp_path / "spokes.h5"
    wishes = (
        "--sequence gre --trajectory golden-angle --turns 81 --phantom asymmetric --matrix 1,48,48 --coils 1 --snr 40"
    )
    subprocess.run([sys.executable, "-m", "bloch.cli", "simulate", "-o", path, "-q", *wishes.split()], check=True)
    kspace = sort_readouts(read_mrd(path))
    points = grid_points(kspace.trajectory, kspace.geometry)
    E = NonCartesianSense(torch.ones(1, *kspace.geometry.matrix, dtype=torch.complex64), points, kspace.weights)
    fitted = conjugate_gradient(E.normal, E.adjoint(kspace.weights * kspace.data), n_iterations=15)
    density = pipe_menon(points, kspace.geometry.matrix, measured=kspace.weights[0])
    gridded = E.adjoint(density * kspace.data)
    with h5py.File(path) as file:
        truth = torch.from_numpy(file["dataset/truth/image"][()].reshape(fitted.shape)).abs()
    for image in (fitted.abs(), gridded.abs()):
        scale = (image * truth).sum() / image.square().sum()
        assert float(torch.linalg.norm(scale * image - truth) / torch.linalg.norm(truth)) < 0.08
        for mirrored in (image.flip(-1).roll(1, -1), image.flip(-2).roll(1, -2), image.mT):
            assert float(torch.linalg.norm(scale * mirrored - truth) / torch.linalg.norm(truth)) > 0.4
    assert abs(float((gridded.abs() * fitted.abs()).sum() / fitted.abs().square().sum()) - 1) < 0.02


def test_gradient_reaches_the_trajectory_through_the_normal_operator() -> None:
    points = ((random_real(2, 4, 3, seed=5) - 0.5) * torch.tensor([0.0, 5, 4])).requires_grad_()
    maps, x = random_complex(2, 1, 5, 4), random_complex(1, 5, 4, seed=1)
    assert torch.autograd.gradcheck(lambda p: NonCartesianSense(maps, p).normal(x), (points,))


def test_points_are_k_times_the_field_of_view() -> None:
    geometry = Geometry((1, 10, 20), (5e-3, 2e-3, 1e-3), np.zeros((1, 3)), np.eye(3))
    k = torch.tensor([3.0, 100.0, 200.0]).expand(2, 4, 5, 3)
    points = grid_points(Trajectory(k, "test"), geometry)
    assert points.shape == (4, 5, 3)
    torch.testing.assert_close(points[0, 0], torch.tensor([0.0, 2.0, 4.0], dtype=torch.float64))
    finer = geometry.with_matrix((1, 30, 30))
    torch.testing.assert_close(grid_points(Trajectory(k, "test"), finer), points)
    moving = k.clone()
    moving[1] *= 2
    assert grid_points(Trajectory(moving, "test"), geometry).shape == (2, 4, 5, 3)


def test_shapes_that_do_not_fit_are_refused() -> None:
    maps = random_complex(2, 1, 5, 4)
    with pytest.raises(ValueError, match=r"weights \(\*batch, 1, readout, sample\)"):
        NonCartesianSense(maps, torch.zeros(3, 4, 3), torch.ones(3, 4))
    with pytest.raises(ValueError, match=r"points must be \(readout, sample, 3\)"):
        NonCartesianSense(maps, torch.zeros(12, 3))
