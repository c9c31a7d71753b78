"""Sensitivities: reciprocity, rotation, both directions of B0; arrays: count, cover, determinism."""

import math

import pytest
import torch
from torch import Tensor

from bloch.receiver import CoilArray, loop_array, sensitivities, volume_coil
from bloch.receiver.loop_field import VACUUM_PERMEABILITY, loop_field

Z, Y, X = (0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)


def ball(n: int = 9, radius: float = 0.09) -> Tensor:
    axis = torch.linspace(-radius, radius, n, dtype=torch.float64)
    grid = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    return grid[grid.norm(dim=-1) <= radius]


def rotation_about_z(angle: float) -> Tensor:
    c, s = math.cos(angle), math.sin(angle)
    return torch.tensor([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)


def test_reciprocity_a_turning_spin_induces_the_voltage_that_the_sensitivity_says() -> None:
    """Flux of a spin at r through the loop, integrated over the loop's area, against S from the loop's field at r."""
    radius, r = 0.03, torch.tensor([0.02, 0.015, -0.06], dtype=torch.float64)
    array = CoilArray(torch.zeros(1, 3).double(), torch.tensor([Z]).double(), torch.tensor([radius]).double())
    n = 400
    rho = (torch.arange(n, dtype=torch.float64) + 0.5) * radius / n
    phi = (torch.arange(n, dtype=torch.float64) + 0.5) * 2 * math.pi / n
    area = rho[:, None] * (radius / n) * (2 * math.pi / n)
    disc = torch.stack((rho[:, None] * phi.cos(), rho[:, None] * phi.sin(), torch.zeros(n, n).double()), -1)
    S = complex(sensitivities(array, r[None])[0, 0])
    for phase in (0.0, 0.7, 2.0, 4.0):
        moment = torch.tensor([math.cos(phase), math.sin(phase), 0.0], dtype=torch.float64)
        d = disc - r
        distance = d.norm(dim=-1)
        dipole_z = (3 * (d @ moment) * d[..., 2] / distance**5) - moment[2] / distance**3
        flux = float((VACUUM_PERMEABILITY / (4 * math.pi) * dipole_z * area).sum())
        transverse = complex(math.cos(phase), math.sin(phase))
        assert flux == pytest.approx(2 * (S * transverse).real, rel=1e-4)


def test_turning_coils_and_points_about_B0_turns_the_phase_only() -> None:
    array, points, angle = loop_array(5), ball(), 0.9
    R = rotation_about_z(angle)
    turned = CoilArray(array.positions @ R.T, array.normals @ R.T, array.radii)
    expected = sensitivities(array, points) * torch.polar(torch.tensor(1.0), torch.tensor(-angle))
    torch.testing.assert_close(sensitivities(turned, points @ R.T), expected, rtol=1e-5, atol=1e-12)


def test_vertical_field_is_the_same_physics_in_a_frame_whose_axes_are_renamed() -> None:
    array, points = loop_array(3, generator=torch.Generator().manual_seed(1)), ball()

    def rename(v: Tensor) -> Tensor:
        return v[..., [2, 0, 1]]  # (z, x, y) take the places of (x, y, z): B0 along y becomes B0 along z

    renamed = CoilArray(rename(array.positions), rename(array.normals), array.radii)
    torch.testing.assert_close(sensitivities(array, points, B0_direction=Y), sensitivities(renamed, rename(points)))


@pytest.mark.parametrize("B0", [Z, Y, X, (0.6, 0.0, 0.8), (0.0, -1.0, 0.0)])
def test_only_the_field_across_B0_is_received(B0: tuple[float, float, float]) -> None:
    array, points = loop_array(4), ball()
    B = loop_field(points, position=array.positions, normal=array.normals, radius=array.radii)
    along = torch.tensordot(torch.tensor(B0, dtype=torch.float64), B, 1)
    across = (B.square().sum(0) - along**2).sqrt()
    S = sensitivities(array, points, B0_direction=B0)
    torch.testing.assert_close(2 * S.abs().double(), across, rtol=1e-4, atol=1e-12)


def test_phase_of_a_loop_varies_through_the_head() -> None:
    S = sensitivities(loop_array(8), ball())
    spread = (S[0] / S[0].mean()).angle()
    assert float(spread.max() - spread.min()) > 0.5


@pytest.mark.parametrize("n_coils", [1, 2, 3, 4, 7, 8, 12, 16, 32])
def test_arrays_have_the_coils_asked_for_outside_the_head_and_facing_it(n_coils: int) -> None:
    array = loop_array(n_coils, head_radius=0.1)
    assert array.n_coils == n_coils
    assert sensitivities(array, ball(3)).shape == (n_coils, len(ball(3)))
    assert (array.positions[:, :2].norm(dim=-1) > 0.1).all()
    torch.testing.assert_close(array.normals.norm(dim=-1), torch.ones(n_coils).double())
    inward = -(array.normals * array.positions)[:, :2].sum(-1)
    assert (inward > 0).all()


def test_the_whole_head_is_seen_by_an_array() -> None:
    rss = sensitivities(loop_array(8), ball()).abs().square().sum(0).sqrt()
    assert float(rss.min() / rss.max()) > 0.05


def test_jitter_follows_its_generator() -> None:
    first, again, other = (loop_array(6, generator=torch.Generator().manual_seed(s)) for s in (3, 3, 4))
    torch.testing.assert_close(first.positions, again.positions, rtol=0, atol=0)
    assert not torch.allclose(first.positions, other.positions)


@pytest.mark.parametrize("B0", [Z, Y])
def test_volume_coil_is_nearly_homogeneous_in_the_head(B0: tuple[float, float, float]) -> None:
    S = sensitivities(volume_coil(B0_direction=B0), ball(), B0_direction=B0)
    assert S.shape[0] == 1
    assert float(S.abs().std() / S.abs().mean()) < 0.08
    assert float((S / S.mean()).angle().abs().max()) < 0.3


def test_quadrature_volume_coil_hears_the_spins_and_not_their_mirror_image() -> None:
    coil, centre = volume_coil(), torch.zeros(1, 3).double()
    assert coil.combination is not None
    mirrored = CoilArray(coil.positions, coil.normals, coil.radii, coil.combination.conj())
    assert float(sensitivities(coil, centre).abs()) > 1e6 * float(sensitivities(mirrored, centre).abs())


def test_points_keep_their_shape_and_single_precision_is_returned() -> None:
    S = sensitivities(loop_array(3), torch.zeros(2, 1, 5, 3))
    assert S.shape == (3, 2, 1, 5)
    assert S.dtype == torch.complex64


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one loop"):
        loop_array(0)
    with pytest.raises(ValueError, match="at least one loop"):
        loop_array(2, n_rings=3)
    with pytest.raises(ValueError, match="unit vector"):
        sensitivities(loop_array(1), torch.zeros(1, 3), B0_direction=(0.0, 1.0, 1.0))
