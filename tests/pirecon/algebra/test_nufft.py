"""The non-uniform transform against the sum written out, other packages, and finite differences."""

from __future__ import annotations

import copy
import math
import pickle
from pathlib import Path

import numpy as np
import pytest
import sigpy
import torch
from torch import Tensor

from experiments.speed import bart
from pirecon.algebra.fft import centred_fft, crop_or_pad_centre
from pirecon.algebra.nufft import Nufft
from pirecon.algebra.toeplitz import Toeplitz, toeplitz_spectrum

GRIDS = [(1, 7, 6), (5, 4, 9), (1, 33, 20), (1, 1, 9), (1, 1, 1), (1, 128, 101)]


def random_complex(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.complex128, generator=torch.Generator().manual_seed(seed))


def random_points(grid: tuple[int, ...], *samples: int, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(*samples, 3, dtype=torch.float64, generator=generator) - 0.5) * torch.tensor(grid)


def explicit(points: Tensor, x: Tensor) -> Tensor:
    """The defining sum."""
    grid = torch.tensor(x.shape[-3:], dtype=torch.float64)
    r = torch.cartesian_prod(*(torch.arange(n, dtype=torch.float64) - n // 2 for n in x.shape[-3:]))
    matrix = torch.exp(-2j * math.pi * ((points.reshape(-1, 3) / grid) @ r.T))
    # An axis of one voxel has r = 0 alone.
    return (x.reshape(*x.shape[:-3], -1) @ matrix.T / math.sqrt(len(r))).reshape(*x.shape[:-3], *points.shape[:-1])


def error(found: Tensor, wanted: Tensor) -> float:
    return float(torch.linalg.norm(found - wanted) / torch.linalg.norm(wanted))


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_explicit_sum(grid: tuple[int, ...]) -> None:
    points, x = random_points(grid, 20, 5), random_complex(3, *grid)
    wanted = explicit(points, x)
    assert error(Nufft(points, grid)(x), wanted) < 1e-12
    single = Nufft(points, grid)(x.to(torch.complex64))
    assert single.dtype == torch.complex64
    assert error(single, wanted) < 1e-6
    assert error(Nufft(points, grid, accuracy=1e-4)(x.to(torch.complex64)), wanted) < 2e-4


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_on_the_grid_it_is_the_centred_transform(grid: tuple[int, ...]) -> None:
    k = torch.stack(torch.meshgrid(*(torch.arange(n) - n // 2 for n in grid), indexing="ij"), dim=-1).double()
    x = random_complex(2, *grid)
    torch.testing.assert_close(Nufft(k, grid)(x), centred_fft(x, (-3, -2, -1)), rtol=1e-11, atol=1e-11)


def test_the_unit_of_points_does_not_depend_on_the_grid() -> None:
    """A grid of more voxels over the same field of view has the same samples of the same (band-limited) object."""
    coarse, fine = (1, 9, 10), (1, 13, 20)
    spectrum = random_complex(*coarse)
    points = random_points((1, 4, 4), 30)
    images = [
        torch.fft.fftshift(torch.fft.ifftn(torch.fft.ifftshift(crop_or_pad_centre(spectrum, n)), norm="forward"))
        for n in (coarse, fine)
    ]
    a, b = (Nufft(points, n)(x) / math.sqrt(math.prod(n)) for n, x in zip((coarse, fine), images, strict=True))
    on_grid = points.round()
    exact = [Nufft(on_grid, n)(x) / math.sqrt(math.prod(n)) for n, x in zip((coarse, fine), images, strict=True)]
    torch.testing.assert_close(exact[0], exact[1], rtol=1e-10, atol=1e-10)
    assert error(a, b) < 1  # between grid points the two periodic kernels differ, but not in unit
    index = tuple((on_grid.long() + torch.tensor([0, 4, 5])).T)
    torch.testing.assert_close(exact[0], spectrum[index], rtol=1e-10, atol=1e-10)


def test_gradients_in_image_samples_and_points() -> None:
    grid = (2, 3, 2)
    points = random_points(grid, 3).requires_grad_()
    x, y = random_complex(2, *grid).requires_grad_(), random_complex(2, 3, seed=3).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, p: Nufft(p, grid)(x), (x, points))
    assert torch.autograd.gradcheck(lambda y, p: Nufft(p, grid).adjoint(y), (y, points))
    assert torch.autograd.gradgradcheck(lambda x, p: Nufft(p, grid)(x), (x[:1], points[:2]))


def test_gradient_of_a_slice_leaves_z_alone() -> None:
    points = random_points((1, 6, 5), 8).requires_grad_()
    Nufft(points, (1, 6, 5))(random_complex(1, 6, 5)).abs().sum().backward()
    assert points.grad is not None
    assert (points.grad[:, 0] == 0).all()
    assert (points.grad[:, 1:] != 0).all()


@pytest.mark.parametrize("grid", [(1, 7, 6), (5, 4, 9), (1, 64, 33)], ids=str)
def test_toeplitz_is_adjoint_weights_forward(grid: tuple[int, ...]) -> None:
    points, x = random_points(grid, 60, 5), random_complex(2, *grid)
    weights = torch.rand(60, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    A = Nufft(points, grid)
    wanted = A.adjoint(weights * A(x))
    assert error(Toeplitz(toeplitz_spectrum(points, grid, weights), grid)(x), wanted) < 1e-11
    single = Toeplitz(toeplitz_spectrum(points, grid, weights.float()), grid)(x.to(torch.complex64))
    assert error(single, wanted) < 1e-6


def test_sigpy_agrees() -> None:
    points, x = random_points((1, 30, 21), 50, 4), random_complex(3, 1, 30, 21)
    theirs = sigpy.nufft(x[:, 0].numpy(), points[..., 1:].numpy(), oversamp=2, width=8)
    assert error(Nufft(points, (1, 30, 21))(x), torch.from_numpy(theirs)) < 1e-4


@pytest.mark.skipif(not bart.installed(), reason=bart.MISSING)
def test_bart_agrees(tmp_path: Path) -> None:
    points, x = random_points((1, 30, 24), 50, 4), random_complex(1, 30, 24)
    # BART's gridding does not wrap round at the ends of k-space, so the points keep off them.
    points = points * torch.tensor([0, 0.75, 0.75])
    # BART: axes (x, y, z), samples, readouts, the first running fastest.
    path = np.ascontiguousarray(points.flip(-1).numpy(), dtype=np.complex64)
    (tmp_path / "path.hdr").write_text("# Dimensions\n3 4 50 1 1 1 1 1 1 1 1 1 1 1 1 1\n")
    path.tofile(tmp_path / "path.cfl")
    image = bart.write_cfl(tmp_path / "image", x[0].numpy())
    bart.bart("nufft", tmp_path / "path", image, tmp_path / "samples")
    theirs = torch.from_numpy(bart.read_cfl(tmp_path / "samples"))
    assert error(Nufft(points, (1, 30, 24))(x), theirs) < 2e-3  # BART's kernel in single precision


def test_copies_and_other_batches_make_their_own_plans() -> None:
    points, x = random_points((1, 8, 9), 12), random_complex(4, 2, 1, 8, 9)
    A = Nufft(points, (1, 8, 9))
    whole = A(x)
    for B in (copy.deepcopy(A), pickle.loads(pickle.dumps(A))):
        for i in range(4):
            torch.testing.assert_close(B(x[i]), whole[i], rtol=1e-12, atol=1e-12)
        assert B(x[:0]).shape == (0, 2, 12)
        assert B.adjoint(whole[:0]).shape == (0, 2, 1, 8, 9)


def test_points_that_no_grid_has_are_refused() -> None:
    points = random_points((1, 8, 8), 5)
    with pytest.raises(ValueError, match=r"along y, and a grid of 8 voxels holds 4 at most.*check the unit"):
        Nufft(points.abs() * 100, (1, 8, 8))
    with pytest.raises(ValueError, match=r"1 of 5 points are infinite or undefined"):
        Nufft(torch.where(torch.arange(5)[:, None] == 2, torch.nan, points), (1, 8, 8))
    with pytest.raises(ValueError, match=r"\(\*samples, 3\)"):
        Nufft(points[:, :2], (1, 8, 8))
    with pytest.raises(ValueError, match="z = 1 for a slice"):
        Nufft(points, (8, 8))
    with pytest.raises(ValueError, match="complex64 or complex128"):
        Nufft(points, (1, 8, 8))(torch.ones(1, 8, 8))
