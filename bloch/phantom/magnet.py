"""The magnet's own inhomogeneity: real solid harmonics, since in free space B_z obeys Laplace's equation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from bloch.phantom.grid import voxel_centres
from bloch.phantom.map_checks import Matrix, VoxelSize, check_voxel_size
from bloch.phantom.random_field import seeded

LARGEST_DEGREE = 20
N_SURFACE = 4000  # points on the sphere where peak to peak is measured


@dataclass(frozen=True, eq=False)
class MagnetField:
    """ΔB0 of a magnet in a sphere of interest.

    ``ΔB(r)/B0 = Σ_{n,m} c_nm H_nm((r − centre)/radius)``, H_nm as in ``solid_harmonics``.

    Attributes:
        coefficients: c, degree by degree and m from −n to n within, ``((degree + 1)²,)``, ppm, float64.
        radius: of the sphere, where ``|H_nm|`` is about 1, m.
        centre: of the sphere ``(x, y, z)``, m.
    """

    coefficients: Tensor
    radius: float
    centre: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        n = self.coefficients.numel()
        if self.coefficients.ndim != 1 or n == 0 or math.isqrt(n) ** 2 != n:
            raise ValueError(
                f"There are {tuple(self.coefficients.shape)} coefficients; expected (degree + 1)², "
                "such as 16 for degree 3."
            )
        if not 0 < self.radius < 10:
            raise ValueError(f"radius is {self.radius} m; expected that of the sphere of interest, such as 0.1 m.")
        if not bool(torch.isfinite(self.coefficients).all()):
            raise ValueError("The coefficients hold NaN or infinity; expected ppm of B0.")

    @property
    def degree(self) -> int:
        """Largest degree n."""
        return math.isqrt(self.coefficients.numel()) - 1


def solid_harmonics(points: Tensor, degree: int) -> Tensor:
    """Real regular solid harmonics with Schmidt's semi-normalisation: ``Σ_m H_nm(r)² = |r|^{2n}``.

    ``H_n0 = Q_n0``, ``H_n±m = √(2 (n−m)!/(n+m)!) Q_nm {Re, Im}(x + iy)^m`` (Re for +m, Im for −m), where
    ``Q_mm = (2m−1)!!`` and ``(n−m) Q_nm = (2n−1) z Q_{n−1,m} − (n+m−1) r² Q_{n−2,m}``: polynomials in x, y, z, each of
    which fulfils Laplace's equation. The sign has no Condon–Shortley phase.

    Args:
        points: x, y, z in units of the reference radius, ``(..., 3)``, float64.
        degree: largest n, from 0 to 20.

    Returns:
        H ``(..., (degree + 1)²)`` in the order (0,0), (1,−1), (1,0), (1,1), (2,−2) ...

    Source: Winch et al., Geophys J Int 160:487 (2005), for the normalisation; Hobson, The Theory of Spherical and
        Ellipsoidal Harmonics (1931), for the recursion of the Legendre functions.
    """
    if not 0 <= degree <= LARGEST_DEGREE:
        raise ValueError(f"degree is {degree}; expected 0 to {LARGEST_DEGREE}.")
    x, y, z = points.unbind(-1)
    square = x**2 + y**2 + z**2
    found: dict[tuple[int, int], Tensor] = {}
    real, imaginary, start = torch.ones_like(x), torch.zeros_like(x), 1.0
    for m in range(degree + 1):
        before, Q = torch.zeros_like(z), torch.full_like(z, start)
        for n in range(m, degree + 1):
            if n > m:
                before, Q = Q, ((2 * n - 1) * z * Q - (n + m - 1) * square * before) / (n - m)
            scale = 1.0 if m == 0 else math.sqrt(2 * math.factorial(n - m) / math.factorial(n + m))
            found[n, m] = scale * Q * real
            if m > 0:
                found[n, -m] = scale * Q * imaginary
        real, imaginary, start = x * real - y * imaginary, x * imaginary + y * real, start * (2 * m + 1)
    return torch.stack([found[n, m] for n in range(degree + 1) for m in range(-n, n + 1)], -1)


def magnet_field(magnet: MagnetField, points: Tensor) -> Tensor:
    """ΔB0/B0 of a magnet at some points.

    Args:
        magnet: its harmonics.
        points: x, y, z, ``(..., 3)``, m. Outside the sphere of interest degree n grows as r^n: do not trust it there.

    Returns:
        ``(...)``, ppm, float64.
    """
    relative = (points.to(torch.float64) - points.new_tensor(magnet.centre, dtype=torch.float64)) / magnet.radius
    return solid_harmonics(relative, magnet.degree) @ magnet.coefficients.to(relative)


def magnet_field_map(
    magnet: MagnetField, matrix: Matrix, voxel_size: VoxelSize, *, device: torch.device | None = None
) -> Tensor:
    """ΔB0/B0 of a magnet on a phantom's grid.

    Args:
        magnet: its harmonics.
        matrix: voxels ``(z, y, x)``.
        voxel_size: ``(z, y, x)``, m.
        device: of the result.

    Returns:
        ``(z, y, x)``, ppm, float32, for ``Phantom.field_offset``.
    """
    check_voxel_size(voxel_size)
    nz, ny, nx = matrix
    plane = voxel_centres((1, ny, nx), voxel_size, device=device)[0]
    field = torch.empty(matrix, device=device)
    for i in range(nz):  # plane by plane, since all harmonics of a volume together would fill the memory
        along = plane.new_tensor([0.0, 0.0, (i - nz // 2) * voxel_size[0]])
        field[i] = magnet_field(magnet, plane + along)
    return field


def random_magnet(
    generator: torch.Generator | int,
    peak_to_peak: float,
    *,
    radius: float = 0.1,
    degree: int = 4,
    decay: float = 0.5,
) -> MagnetField:
    """A magnet with a given inhomogeneity over its sphere, and no offset in the middle.

    Each degree n from 1 on is drawn with the same standard deviation for all m, ``decay^{n−1}``; then all are scaled.
    A harmonic function is largest on the surface, so peak to peak is taken there.

    Args:
        generator: source of randomness, or a seed.
        peak_to_peak: over the sphere, ppm. Superconducting and shimmed: about 1; permanent magnets: tens to hundreds.
        radius: of the sphere, m.
        degree: largest n, at least 1.
        decay: how much weaker the next degree is.

    Returns:
        MagnetField.

    Raises:
        ValueError: peak_to_peak or decay is negative, or degree is below 1.
    """
    if peak_to_peak < 0 or decay < 0 or degree < 1:
        raise ValueError(
            f"peak_to_peak {peak_to_peak} ppm, decay {decay} and degree {degree}: expected the first two at least 0 "
            "and the degree at least 1."
        )
    generator = seeded(generator)
    c = torch.randn((degree + 1) ** 2, generator=generator, dtype=torch.float64)
    degrees = torch.tensor([n for n in range(degree + 1) for _ in range(2 * n + 1)], dtype=torch.float64)
    c = torch.where(degrees == 0, 0.0, c * decay ** (degrees - 1))
    surface = solid_harmonics(_sphere_points(N_SURFACE), degree) @ c
    return MagnetField(c * (peak_to_peak / float(surface.max() - surface.min())), radius)


def fit_magnet(points: Tensor, field: Tensor, degree: int, *, radius: float | None = None) -> MagnetField:
    """Harmonics of a measured field, by least squares.

    Args:
        points: where it was measured, x, y, z, ``(n, 3)``, m.
        field: ΔB0/B0, ``(n,)``, ppm; NaN marks points that were not measured.
        degree: largest n.
        radius: of the sphere of interest, m; None for the farthest point's distance from the points' middle.

    Returns:
        MagnetField about the middle of the points' extent.

    Raises:
        ValueError: the shapes differ or fewer points than coefficients were measured.
    """
    if points.ndim != 2 or points.shape[1] != 3 or field.shape != points.shape[:1]:
        raise ValueError(
            f"points have shape {tuple(points.shape)} and field {tuple(field.shape)}; expected (n, 3) and (n,)."
        )
    measured = torch.isfinite(field)
    points, field = points[measured].to(torch.float64), field[measured].to(torch.float64)
    n = (degree + 1) ** 2
    if len(field) < n:
        raise ValueError(f"{len(field)} measured points do not determine {n} coefficients; lower the degree {degree}.")
    centre = (points.amin(0) + points.amax(0)) / 2
    relative = points - centre
    radius = float(relative.norm(dim=1).max()) if radius is None else radius
    harmonics = solid_harmonics(relative / radius, degree)
    coefficients = torch.linalg.lstsq(harmonics, field.unsqueeze(1)).solution[:, 0]
    x, y, z = centre.tolist()
    return MagnetField(coefficients, radius, (x, y, z))


def _sphere_points(n: int) -> Tensor:
    """Nearly even points on the unit sphere (Fibonacci's spiral), ``(n, 3)``, float64."""
    index = torch.arange(n, dtype=torch.float64)
    z = 1 - (2 * index + 1) / n
    angle = math.pi * (1 + 5**0.5) * index
    rho = (1 - z**2).sqrt()
    return torch.stack([rho * angle.cos(), rho * angle.sin(), z], -1)
