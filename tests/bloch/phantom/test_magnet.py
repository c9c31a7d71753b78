"""Solid harmonics obey Laplace's equation, and real magnets obey it too."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from scipy.io import loadmat

from bloch.phantom import (
    MagnetField,
    fit_magnet,
    magnet_field,
    magnet_field_map,
    random_magnet,
    solid_harmonics,
    voxel_centres,
)

FIELD_MAP = "tubes_0.0504T_field_map.mat"


def some_points(n: int, seed: int = 0) -> torch.Tensor:
    return torch.randn((n, 3), generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 0.5


def test_every_harmonic_fulfils_the_equation_of_laplace() -> None:
    points = some_points(7).requires_grad_()
    harmonics = solid_harmonics(points, 7)
    for j in range(harmonics.shape[-1]):
        (gradient,) = torch.autograd.grad(harmonics[:, j].sum(), points, create_graph=True, materialize_grads=True)
        laplacian = torch.zeros(len(points), dtype=torch.float64)
        scale = torch.ones(len(points), dtype=torch.float64)
        for axis in range(3):
            if gradient.requires_grad:
                (second,) = torch.autograd.grad(
                    gradient[:, axis].sum(), points, retain_graph=True, materialize_grads=True
                )
                laplacian = laplacian + second[:, axis]
                scale = scale + second[:, axis].abs()
        assert float((laplacian.abs() / scale).max()) < 1e-12, j


def test_the_squares_of_a_degree_add_up_to_a_power_of_the_radius() -> None:
    points = some_points(11)
    harmonics, radius = solid_harmonics(points, 9), points.norm(dim=1)
    for n in range(10):
        total = harmonics[:, n * n : (n + 1) ** 2].square().sum(1)
        torch.testing.assert_close(total, radius ** (2 * n))


def test_low_degrees_are_the_shims_that_everybody_knows() -> None:
    points = some_points(5)
    x, y, z = points.unbind(-1)
    known = [torch.ones_like(x), y, z, x]
    known += [3**0.5 * x * y, 3**0.5 * y * z, z**2 - (x**2 + y**2) / 2, 3**0.5 * x * z, 3**0.5 / 2 * (x**2 - y**2)]
    torch.testing.assert_close(solid_harmonics(points, 2), torch.stack(known, -1))


def test_a_map_has_the_field_of_the_voxel_centres() -> None:
    magnet, matrix, voxel = random_magnet(1, 30.0, degree=3), (3, 4, 5), (4e-3, 3e-3, 2e-3)
    there = magnet_field(magnet, voxel_centres(matrix, voxel))
    torch.testing.assert_close(magnet_field_map(magnet, matrix, voxel), there.float())


@pytest.mark.parametrize("peak_to_peak", [1.0, 120.0])
def test_a_random_magnet_has_the_wanted_peak_to_peak_within_its_sphere(peak_to_peak: float) -> None:
    magnet = random_magnet(3, peak_to_peak, radius=0.08)
    field = magnet_field_map(magnet, (33, 33, 33), (5e-3, 5e-3, 5e-3))
    inside = torch.stack(torch.meshgrid(*[torch.arange(-16, 17) * 5e-3] * 3, indexing="ij")).norm(dim=0) <= 0.0801
    found = float(field[inside].max() - field[inside].min())
    assert 0.9 * peak_to_peak < found <= 1.01 * peak_to_peak
    assert float(field[16, 16, 16]) == 0.0
    assert torch.equal(random_magnet(3, peak_to_peak).coefficients, random_magnet(3, peak_to_peak).coefficients)
    assert not torch.equal(random_magnet(4, peak_to_peak).coefficients, random_magnet(3, peak_to_peak).coefficients)


def test_a_fit_finds_the_magnet_again_wherever_its_middle_is() -> None:
    magnet = random_magnet(5, 50.0, radius=0.1, degree=3)
    points = 0.1 * some_points(200, seed=2) + torch.tensor([0.03, -0.02, 0.05])
    field = magnet_field(magnet, points)
    field[::7] = float("nan")
    again = fit_magnet(points, field, 3)
    elsewhere = 0.05 * some_points(50, seed=3)
    torch.testing.assert_close(magnet_field(again, elsewhere), magnet_field(magnet, elsewhere), rtol=1e-9, atol=1e-9)


def test_low_degrees_explain_a_real_permanent_magnet(shared_data: Path) -> None:
    """The field of a 50 mT Halbach magnet as measured: where its magnets are not, Laplace's equation holds."""
    for name, share in (("Pre_shimmed", 0.99), ("Post_shimmed", 0.9)):
        measured = torch.from_numpy(loadmat(shared_data / FIELD_MAP)[name])
        axes = [torch.arange(n, dtype=torch.float64) * 5e-3 for n in measured.shape]
        points = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
        field = measured.flatten()
        seen = torch.isfinite(field)
        points, field = points[seen], field[seen]
        mean = field.mean()
        ppm = (field / mean - 1) * 1e6
        fitted, held_out = slice(None, None, 4), slice(1, None, 4)
        magnet = fit_magnet(points[fitted], ppm[fitted], 6)
        left = ppm[held_out] - magnet_field(magnet, points[held_out])
        assert float(left.square().sum() / (ppm[held_out] - ppm.mean()).square().sum()) < 1 - share, name
        centred = (points[fitted] - points.mean(0)) / 0.11
        harmonic = solid_harmonics(centred, 8)
        with_square = torch.cat([harmonic, centred.square().sum(1, keepdim=True)], 1)  # r² is not harmonic
        rest = [
            float((ppm[fitted] - A @ torch.linalg.lstsq(A, ppm[fitted].unsqueeze(1)).solution[:, 0]).norm())
            for A in (harmonic, with_square)
        ]
        assert rest[1] > 0.999 * rest[0], name


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (lambda: MagnetField(torch.zeros(5), 0.1), "degree"),
        (lambda: MagnetField(torch.zeros(4), 100.0), "radius"),
        (lambda: MagnetField(torch.full((4,), float("nan")), 0.1), "NaN"),
        (lambda: random_magnet(0, -1.0), "at least 0"),
        (lambda: solid_harmonics(torch.zeros(1, 3), 21), "0 to 20"),
        (lambda: fit_magnet(torch.zeros(3, 3), torch.zeros(3), 2), "lower the degree"),
        (lambda: fit_magnet(torch.zeros(3, 2), torch.zeros(3), 1), r"\(n, 3\)"),
    ],
)
def test_bad_input_is_refused(make, cause: str) -> None:
    with pytest.raises(ValueError, match=cause):
        make()
