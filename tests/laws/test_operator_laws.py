"""Laws that every linear operator obeys, in complex128, on odd and unequal sizes, with and without batch axes."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

import pirecon
from pirecon.algebra import linear_operator
from pirecon.algebra.finite_difference import FiniteDifference
from pirecon.algebra.linear_operator import Composition, LinearOperator
from pirecon.algebra.nufft import Nufft
from pirecon.algebra.toeplitz import Toeplitz, toeplitz_spectrum
from pirecon.algebra.wavelet import Wavelet
from pirecon.encoding import (
    CartesianSense,
    ChemicalShift,
    CoilSensitivity,
    ContrastSubspace,
    Distortion,
    Evolution,
    Evolving,
    FatWaterEncoding,
    Fourier,
    MotionSense,
    NonCartesianSense,
    Resolution,
    RigidMotion,
    Sampling,
    StackOfStars,
    Subspace,
    ThickSlices,
    box_profile,
    fat_spectrum_at,
    pulse_profile,
    stack_of_stars,
)
from pirecon.rawdata.geometry import Geometry
from pirecon.scan_specific import Masked

GRIDS = [(1, 7, 6), (5, 4, 9), (1, 11, 18)]  # (z, y, x)
N_COILS = 3


def random_complex(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.complex128, generator=torch.Generator().manual_seed(seed))


def random_weights(*shape: int, seed: int = 1) -> Tensor:
    """Half of the samples missing, the others with unequal numbers of averages."""
    generator = torch.Generator().manual_seed(seed)
    weights = torch.rand(*shape, dtype=torch.float64, generator=generator)
    return torch.where(weights < 0.5, 0.0, weights)


def finer(grid: tuple[int, ...]) -> tuple[int, ...]:
    return (grid[0], grid[1] + 3, 2 * grid[2] - 1)


def cartesian_sense(grid: tuple[int, ...], acquired: tuple[int, ...]) -> CartesianSense:
    return CartesianSense(random_complex(N_COILS, *grid, seed=2), random_weights(1, *acquired))


def evolution(grid: tuple[int, ...], samples: tuple[int, ...], n: int = 3) -> Evolution:
    return Evolution(random_complex(n, *samples, seed=5), random_complex(n, *grid, seed=6), 0.0, "random")


def chemical_shift(grid: tuple[int, ...]) -> ChemicalShift:
    off_resonance, R2_star = 20 * random_complex(*grid, seed=8).real, 30 * random_complex(*grid, seed=9).real.abs()
    return ChemicalShift((2e-3, 7e-3, 11e-3), fat_spectrum_at(0.3), off_resonance, R2_star)


def fat_water(grid: tuple[int, ...]) -> FatWaterEncoding:
    acquired, spectrum = grid, fat_spectrum_at(0.3, relaxation_difference=-5.0)
    encodings = [
        CartesianSense(random_complex(N_COILS, *finer(grid), seed=2), random_weights(1, *acquired, seed=echo))
        for echo in range(3)
    ]
    times = 2e-3 + 1e-4 * torch.arange(3 * acquired[-1], dtype=torch.float64).reshape(3, 1, 1, -1)
    return FatWaterEncoding(encodings, chemical_shift(finer(grid)), spectrum, times)


def path(grid: tuple[int, ...], *, is_stack: bool = False) -> Tensor:
    """Points of six readouts of five samples anywhere in the grid's k-space; in a stack, in two of its partitions."""
    generator = torch.Generator().manual_seed(4)
    points = (torch.rand(6, 5, 3, dtype=torch.float64, generator=generator) - 0.5) * torch.tensor(grid)
    if is_stack:
        points[..., 0] = (torch.arange(6) % 2 - 1)[:, None] * (grid[0] > 1)
        points[1::2, :, 1:] = points[::2, :, 1:]
    return points


def non_cartesian(grid: tuple[int, ...], *batch: int, is_stack: bool = False) -> NonCartesianSense:
    maps = random_complex(*batch, N_COILS, *grid, seed=2)
    return NonCartesianSense(maps, path(grid, is_stack=is_stack), random_weights(*batch, 1, 6, 5))


def rigid_motion(grid: tuple[int, ...], n: int = 4) -> RigidMotion:
    """Poses that leave the field of view in part; in a slice, what it cannot hold is left out."""
    d, angles = torch.randn(2, n, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(14))
    return RigidMotion((grid[0], grid[1], grid[2]), (5e-3, 3e-3, 2e-3), translations=5e-3 * d, rotations=0.3 * angles)


def motion_sense(grid: tuple[int, ...], acquired: tuple[int, ...], n: int = 1, *, shaded: bool = False) -> MotionSense:
    states = torch.randint(0, 4, (n, *acquired[:2]), generator=torch.Generator().manual_seed(15))
    shading = random_complex(*grid, seed=16) if shaded else None
    maps, weights = random_complex(N_COILS, *grid, seed=2), random_weights(n, 1, *acquired)
    return MotionSense(maps, weights, states, rigid_motion(grid), shading=shading)


def thick_slices(grid: tuple[int, ...], *, tilt: float) -> ThickSlices:
    """Three slices with gaps, sagittal and tilted by ``tilt`` rad, partly outside of a volume of two more planes."""
    volume = Geometry(
        (grid[0] + 2, grid[1], grid[2]), (2e-3, 1.5e-3, 1e-3), np.array([[1e-3, 0, -2e-3]]), np.eye(3)[::-1]
    )
    turn = Rotation.from_rotvec(tilt * np.array([0.6, -0.64, 0.48])).as_matrix()
    directions = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]]) @ turn
    centres = np.array([[-4e-3], [0.2e-3], [4e-3]]) * directions[0]
    profile = pulse_profile(refocused_thickness=1.5) if tilt else box_profile()
    return ThickSlices(volume, Geometry((1, 5, 7), (3e-3, 2.2e-3, 1.1e-3), centres, directions), profile)


# Every public subclass of LinearOperator: name → cases, each a function of the grid (z, y, x).
TABLE: dict[type[LinearOperator], list[Callable[[tuple[int, ...]], LinearOperator]]] = {
    CartesianSense: [
        lambda grid: cartesian_sense(grid, grid),
        lambda grid: cartesian_sense(finer(grid), grid),
        lambda grid: CartesianSense(random_complex(2, N_COILS, *grid, seed=2), random_weights(2, 1, *grid)),
    ],
    ChemicalShift: [chemical_shift],
    CoilSensitivity: [lambda grid: CoilSensitivity(random_complex(N_COILS, *grid, seed=3))],
    Composition: [
        lambda grid: Fourier((N_COILS, *grid)) @ CoilSensitivity(random_complex(N_COILS, *grid, seed=3)),
        lambda grid: FiniteDifference(grid) @ Wavelet(grid, dtype=torch.float64).H @ Wavelet(grid, dtype=torch.float64),
    ],
    ContrastSubspace: [
        lambda grid: ContrastSubspace(cartesian_sense(finer(grid), grid), random_complex(2, 4, seed=12)),
    ],
    Distortion: [
        lambda grid: Distortion(3 * random_complex(*grid, seed=8).real),
        lambda grid: Distortion(random_complex(*grid, seed=8).real, axis=-2),
    ],
    Evolving: [
        lambda grid: Evolving(cartesian_sense(finer(grid), grid), evolution(finer(grid), grid)),
        lambda grid: Evolving(cartesian_sense(grid, grid), evolution((1, 1, 1), (1, grid[1], 1), n=1)),
    ],
    FatWaterEncoding: [fat_water],
    FiniteDifference: [FiniteDifference],
    Fourier: [lambda grid: Fourier(grid), lambda grid: Fourier((N_COILS, *grid))],
    NonCartesianSense: [
        non_cartesian,
        lambda grid: non_cartesian(grid, is_stack=True),
        lambda grid: non_cartesian(grid, 2),
    ],
    Nufft: [lambda grid: Nufft(path(grid), grid)],
    Masked: [lambda grid: Masked(cartesian_sense(grid, grid), random_weights(1, *grid, seed=5) > 0)],
    MotionSense: [
        lambda grid: motion_sense(grid, grid),
        lambda grid: motion_sense(finer(grid), grid, 2, shaded=True),
    ],
    Resolution: [
        lambda grid: Resolution((N_COILS, *finer(grid)), grid),
        lambda grid: Resolution((N_COILS, *grid), grid),
    ],
    RigidMotion: [rigid_motion],
    Sampling: [
        lambda grid: Sampling(random_weights(1, *grid), N_COILS),
        lambda grid: Sampling(random_weights(N_COILS, *grid), N_COILS),
    ],
    StackOfStars: [lambda grid: StackOfStars(path((5, *grid[1:]), is_stack=True), (5, *grid[1:]))],
    Subspace: [lambda grid: Subspace(cartesian_sense(finer(grid), grid), random_complex(2, 1, *grid[1:], seed=7))],
    ThickSlices: [lambda grid: thick_slices(grid, tilt=0.0), lambda grid: thick_slices(grid, tilt=0.3)],
    Toeplitz: [lambda grid: Toeplitz(toeplitz_spectrum(path(grid), grid, random_weights(6, 5)), grid)],
    Wavelet: [
        lambda grid: Wavelet(grid, dtype=torch.float64),
        lambda grid: Wavelet(grid, dtype=torch.float64).shifted((1, 3, 2)),
    ],
    linear_operator._Adjoint: [lambda grid: cartesian_sense(finer(grid), grid).H],
    linear_operator._Normal: [lambda grid: cartesian_sense(finer(grid), grid).N, lambda grid: FiniteDifference(grid).N],
    stack_of_stars._PlanewiseToeplitz: [
        lambda grid: StackOfStars(path((5, *grid[1:]), is_stack=True), (5, *grid[1:])).gram(random_weights(6, 5)),
    ],
}

CASES = [
    pytest.param(make(grid), id=f"{kind.__name__}-{number}-{'x'.join(map(str, grid))}")
    for kind, cases in TABLE.items()
    for number, make in enumerate(cases)
    for grid in GRIDS
]
BATCHES = [(), (2,), (3, 2)]


def pair(A: LinearOperator, batch: tuple[int, ...] = ()) -> tuple[Tensor, Tensor]:
    """Random x and y such that A(x) and A.H(y) are defined and shaped alike."""
    if has_own_batch(A):
        batch = (2,)
    return random_complex(*batch, *A.domain_shape, seed=10), random_complex(*batch, *A.codomain_shape, seed=11)


def has_own_batch(A: LinearOperator) -> bool:
    """Whether the maps inside carry a batch axis, which the argument then has to match."""
    return isinstance(A, CartesianSense | NonCartesianSense) and A.maps.ndim > 4


def inner(a: Tensor, b: Tensor) -> Tensor:
    return torch.vdot(a.flatten(), b.flatten())


def operator_classes() -> set[type[LinearOperator]]:
    """Every subclass of LinearOperator that the source of pirecon defines, imported wherever it hides."""
    sources = {path: path.read_text(encoding="utf-8") for path in Path(pirecon.__file__).parent.rglob("*.py")}
    names, known = {"LinearOperator"}, set[str]()
    while names != known:
        known = set(names)
        for source in sources.values():
            for node in ast.walk(ast.parse(source)):
                if isinstance(node, ast.ClassDef) and any(ast.unparse(b).split(".")[-1] in known for b in node.bases):
                    names.add(node.name)
    root = Path(pirecon.__file__).parents[1]
    found: set[type[LinearOperator]] = set()
    for path, source in sources.items():
        if any(f"class {name}(" in source for name in names):
            module = importlib.import_module(".".join(path.relative_to(root).with_suffix("").parts))
            found |= {
                kind for _, kind in inspect.getmembers(module, inspect.isclass) if issubclass(kind, LinearOperator)
            }
    return found - {LinearOperator}


def test_every_operator_is_in_the_table() -> None:
    missing = {kind.__qualname__ for kind in operator_classes() - set(TABLE)}
    assert not missing, f"add {sorted(missing)} to TABLE in {Path(__file__).name}: the laws are not tested for them"


def test_every_case_tests_the_class_it_stands_under() -> None:
    assert all(isinstance(make(GRIDS[0]), kind) for kind, cases in TABLE.items() for make in cases)


@pytest.mark.parametrize("batch", BATCHES, ids=str)
@pytest.mark.parametrize("A", CASES)
def test_adjoint_identity(A: LinearOperator, batch: tuple[int, ...]) -> None:
    """⟨A x, y⟩ = ⟨x, A.H y⟩, which sums over the batch as well."""
    x, y = pair(A, batch)
    torch.testing.assert_close(inner(A(x), y), inner(x, A.adjoint(y)), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("A", CASES)
def test_linearity(A: LinearOperator) -> None:
    """A(a x + b y) = a A x + b A y for complex a and b."""
    x = random_complex(*A.domain_shape, seed=20)
    y = random_complex(*A.domain_shape, seed=21)
    a, b = 0.3 - 1.7j, -2.1 + 0.4j
    torch.testing.assert_close(A(a * x + b * y), a * A(x) + b * A(y), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("A", CASES)
def test_normal_is_adjoint_of_forward(A: LinearOperator) -> None:
    x, _ = pair(A)
    torch.testing.assert_close(A.normal(x), A.adjoint(A.forward(x)), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("A", CASES)
def test_views_do_what_the_methods_do(A: LinearOperator) -> None:
    x, y = pair(A)
    assert torch.equal(A(x), A.forward(x))
    assert torch.equal(A.H(y), A.adjoint(y))
    assert torch.equal(A.N(x), A.normal(x))
    assert torch.equal(A.H.H(x), A(x))


@pytest.mark.parametrize("A", [case for case in CASES if not has_own_batch(case.values[0])])
def test_batch_elements_do_not_mix(A: LinearOperator) -> None:
    """A on a stack is the stack of A on each, forward, adjoint and normal."""
    x, y = pair(A, (2, 2))
    for apply, argument in ((A.forward, x), (A.adjoint, y), (A.normal, x)):
        each = torch.stack([torch.stack([apply(element) for element in row]) for row in argument])
        torch.testing.assert_close(apply(argument), each, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("A", CASES)
def test_gradient_through_autograd_is_the_adjoint(A: LinearOperator) -> None:
    """d Re⟨y, A x⟩ / dx = A.H y, so that a network may be trained through any operator; likewise for A.H and A.N."""
    x, y = pair(A)
    for apply, argument, cotangent, expected in (
        (A.forward, x, y, A.adjoint(y)),
        (A.adjoint, y, x, A.forward(x)),
        (A.normal, x, x, A.normal(x)),
    ):
        variable = argument.clone().requires_grad_()
        inner(cotangent, apply(variable)).real.backward()
        torch.testing.assert_close(variable.grad, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("A", CASES)
def test_arguments_stay_untouched(A: LinearOperator) -> None:
    x, y = pair(A)
    x_before, y_before = x.clone(), y.clone()
    A.forward(x), A.adjoint(y), A.normal(x)
    assert torch.equal(x, x_before)
    assert torch.equal(y, y_before)


@pytest.mark.parametrize("A", CASES)
def test_double_precision_stays_double(A: LinearOperator) -> None:
    """complex128 in gives complex128 out: nothing inside falls back to single precision."""
    x, y = pair(A)
    assert A(x).dtype == A.adjoint(y).dtype == A.normal(x).dtype == torch.complex128


@pytest.mark.parametrize("A", CASES)
def test_wrong_shapes_are_refused_with_both_shapes(A: LinearOperator) -> None:
    wrong_x = random_complex(*A.domain_shape[:-1], A.domain_shape[-1] + 1, seed=30)
    wrong_y = random_complex(*A.codomain_shape[:-1], A.codomain_shape[-1] + 1, seed=31)
    for apply, argument in ((A.forward, wrong_x), (A.normal, wrong_x), (A.adjoint, wrong_y)):
        with pytest.raises(
            ValueError, match=rf"shape \({', '.join(map(str, argument.shape))}\).*trailing axes must be"
        ):
            apply(argument)
    with pytest.raises(ValueError, match="trailing axes must be"):
        A.forward(random_complex(A.domain_shape[-1], seed=32))


def test_composition_refuses_operators_that_do_not_meet() -> None:
    with pytest.raises(ValueError, match="cannot compose Fourier @ FiniteDifference"):
        Fourier((1, 4, 4)) @ FiniteDifference((1, 4, 4))


def test_composition_with_something_else_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        Fourier((1, 4, 4)) @ 2.0  # type: ignore[operator]
