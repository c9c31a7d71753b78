"""Signals of contrasts against the simulator's closed forms and phase graphs; fits of what they measured."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from bloch.magnetisation.phase_graph_echo_train import EchoTrain, steady_echo_train
from bloch.sequence.signal_equations import inversion_recovery, spin_echo, spoiled_gradient_echo, turbo_spin_echo
from pirecon.quantitative.contrast_fit import (
    PRIOR_DEVIATION,
    ParameterMaps,
    curvature,
    deviation,
    fit_contrasts,
    following,
    maps_of,
)
from pirecon.quantitative.contrasts import Contrasts, contrast_signals

F64 = torch.float64


def contrasts(*rows: tuple[float, float, float, float, float, float], gain: float = 1.0) -> Contrasts:
    """Rows of TE, TR, TI, flip angle, train, gradient echo."""
    columns = torch.tensor(rows, dtype=F64).T
    return Contrasts(*columns.unbind(0), gain=torch.full((len(rows),), gain, dtype=F64))


SPIN = (0.02, 0.5, 0.0, math.pi / 2, 0.0, 0.0)
TURBO = (0.1, 4.0, 0.0, math.pi / 2, 0.16, 0.0)
DENSITY = (0.02, 4.0, 0.0, math.pi / 2, 0.16, 0.0)
INVERTED = (0.03, 3.0, 0.3, math.pi / 2, 0.0, 0.0)
GRADIENT = (0.005, 0.04, 0.0, math.radians(30), 0.0, 1.0)


def tissue(*shape: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    T1 = 0.2 * torch.rand(shape, generator=generator, dtype=F64).mul(2.5).exp()
    return T1, T1 * (0.15 + 0.4 * torch.rand(shape, generator=generator, dtype=F64))


def test_signals_are_those_of_the_simulator() -> None:
    T1, T2 = tissue(1, 5, 7)
    found = contrast_signals(contrasts(SPIN, TURBO, INVERTED, GRADIENT), T1, T2).value
    expected = (
        spin_echo(1.0, T1, T2, echo_time=0.02, repetition_time=0.5),
        turbo_spin_echo(
            1.0, T1, T2, effective_echo_time=0.1, repetition_time=4.0, echo_spacing=0.02, echo_train_length=8
        ),
        inversion_recovery(1.0, T1, T2, inversion_time=0.3, echo_time=0.03, repetition_time=3.0),
        spoiled_gradient_echo(1.0, T1, T2, flip_angle=math.radians(30), echo_time=0.005, repetition_time=0.04),
    )
    assert torch.allclose(found, torch.stack(expected), rtol=1e-12)


def test_echo_trains_are_those_of_the_extended_phase_graph() -> None:
    T1, T2 = tissue(1, 3, 5)
    train = EchoTrain(torch.full((8,), math.pi, dtype=F64), 0.02)
    echoes = steady_echo_train(T1, T2, train=train, repetition_time=4.0)
    found = contrast_signals(contrasts(TURBO), T1, T2).value[0]
    # The closed form lets nothing recover between the pulses of the train, the phase graph a little.
    assert torch.allclose(found, echoes[..., 4].real, rtol=0.01)


def test_slopes_are_derivatives() -> None:
    T1, T2 = tissue(1, 2, 3)
    protocol = contrasts(SPIN, TURBO, INVERTED, GRADIENT)

    def value(log_T1: Tensor, log_T2: Tensor) -> Tensor:
        return contrast_signals(protocol, log_T1.exp(), log_T2.exp()).value

    logs = (T1.log().requires_grad_(), T2.log().requires_grad_())
    signals = contrast_signals(protocol, T1, T2)
    for row in range(4):
        by_T1, by_T2 = torch.autograd.grad(value(*logs)[row].sum(), logs)
        assert torch.allclose(by_T1, signals.by_log_T1[row], rtol=1e-9, atol=1e-12)
        assert torch.allclose(by_T2, signals.by_log_T2[row], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("rows", [(SPIN, TURBO, DENSITY), (GRADIENT, TURBO, DENSITY, INVERTED)])
def test_maps_are_found_again(rows: tuple[tuple[float, ...], ...]) -> None:
    T1, T2 = tissue(1, 9, 11)
    protocol = contrasts(*rows, gain=3.0)  # type: ignore[arg-type]
    magnitude = 3.0 * 1e4 * 0.8 * contrast_signals(protocol, T1, T2).value.abs()
    found = fit_contrasts(magnitude, protocol, 0.1, n_iterations=25)
    for name, expected in (("T1", T1), ("T2", T2), ("proton_density", torch.full_like(T1, 8000))):
        error = (getattr(found, name) / expected).log().abs()
        # Magnitudes do not tell one side of an inversion's null from the other: a voxel there may end on the wrong.
        assert float((error < 2e-3).double().mean()) > (0.92 if INVERTED in rows else 0.999), name
        assert float(error.max()) < 0.25


def test_maps_scale_with_the_data() -> None:
    T1, T2 = tissue(1, 4, 5)
    protocol = contrasts(SPIN, TURBO, DENSITY)
    magnitude = 1e4 * contrast_signals(protocol, T1, T2).value
    once, thrice = (fit_contrasts(a * magnitude, protocol, 0.1, n_iterations=25) for a in (1.0, 3.0))
    assert torch.allclose(thrice.proton_density, 3 * once.proton_density, rtol=1e-3)
    assert torch.allclose(thrice.T1, once.T1, rtol=1e-3)


def test_scatter_of_fits_is_the_bound() -> None:
    """Noise of deviation 1 on 2,000 voxels of one tissue; three contrasts, so that there is one tissue to find."""
    T1, T2 = torch.full((1, 40, 50), 0.4, dtype=F64), torch.full((1, 40, 50), 0.1, dtype=F64)
    protocol = contrasts(SPIN, TURBO, DENSITY)
    generator = torch.Generator().manual_seed(2)
    clean = 100 * contrast_signals(protocol, T1, T2).value
    found = fit_contrasts(clean + torch.randn(clean.shape, generator=generator, dtype=F64), protocol, 0.1)
    expected = deviation(protocol, replace(found, proton_density=100 * torch.ones_like(T1), T1=T1, T2=T2))
    scatter = found.logarithms().flatten(1).std(1)
    assert torch.allclose(scatter, expected[:, 0, 0, 0], rtol=0.08)  # 5 standard errors of a deviation


def test_empty_voxels_give_no_numbers_that_are_none() -> None:
    protocol = contrasts(SPIN, TURBO, DENSITY)
    found = fit_contrasts(torch.zeros(3, 1, 4, 5, dtype=F64), protocol, 0.1)
    assert torch.isfinite(found.logarithms()).all()
    assert found.proton_density.max() < 0.1
    assert torch.isfinite(deviation(protocol, found)).all()


def test_images_and_protocols_must_match() -> None:
    with pytest.raises(ValueError, match="2 images for 3 protocols"):
        fit_contrasts(torch.ones(2, 1, 4, 4), contrasts(SPIN, TURBO, DENSITY), 0.1)
    with pytest.raises(ValueError, match="not ms"):
        contrasts((20.0, 0.5, 0.0, 1.0, 0.0, 0.0))
    with pytest.raises(ValueError, match="longer than the repetition"):
        contrasts((0.02, 0.5, 0.6, 1.0, 0.0, 0.0))


def test_the_information_is_the_curvature_of_the_misfit() -> None:
    """At data that fit exactly, the misfit grows by ½ dᵀ(JᵀJ)d."""
    T1, T2 = tissue(1, 1, 1)
    protocol = contrasts(SPIN, TURBO, DENSITY)
    p = torch.stack([torch.full_like(T1, 50.0), T1, T2]).log()
    here = curvature(protocol, maps_of(p))
    for direction in torch.eye(3, dtype=F64):
        step = 1e-4 * direction
        there = curvature(protocol, maps_of(p + step[:, None, None, None])).model
        grown = 0.5 * (there - here.model).square().sum()
        prior = 0.5 * (step[1:] / PRIOR_DEVIATION).square().sum()
        expected = 0.5 * step @ here.information[0, 0, 0] @ step
        assert float(grown + prior) == pytest.approx(float(expected), rel=1e-3)


def test_maps_follow_the_images_as_a_fit_of_changed_images_does() -> None:
    T1, T2 = tissue(1, 3, 5)
    protocol = contrasts(SPIN, TURBO, DENSITY, INVERTED, gain=1e4)  # so much signal that the prior has no say
    images = 1e4 * contrast_signals(protocol, T1, T2).value.abs()
    change = 1e-4 * images * torch.randn(images.shape, generator=torch.Generator().manual_seed(2), dtype=F64)
    images.requires_grad_()
    maps = following(ParameterMaps(torch.ones_like(T1), T1, T2), images, protocol)
    found = fit_contrasts((images + change).detach(), protocol, 0.1, n_iterations=20).logarithms()
    for row, value in enumerate((maps.proton_density, maps.T1, maps.T2)):
        (slope,) = torch.autograd.grad(value.log().sum(), images, retain_graph=True)
        expected = (slope * change).sum(0)
        assert torch.allclose(found[row] - value.log(), expected, rtol=0.05, atol=2e-6)
