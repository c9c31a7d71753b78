"""Steps of a sequence: moments against numerical quadrature, samples and pulses where they belong."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from bloch.magnetisation import magnetisation_at_samples, point_spins, timeline
from bloch.magnetisation.gradient_moments import PAIRS, mean_products, moments
from bloch.sequence import Block, Gradient, Readout, RFPulse, Sequence, block, hard_pulse, trapezoid
from bloch.tissue import GYROMAGNETIC_RATIO

GX = Gradient(np.array([0.3e-3, 1.1e-3, 2.0e-3, 2.4e-3]), np.array([0.0, 7e-3, -3e-3, 5e-3]))  # ends with a jump
GZ = Gradient(np.array([0.0, 0.7e-3, 3.1e-3]), np.array([2e-3, 9e-3, 9e-3]))


def test_moments_and_products_equal_a_fine_quadrature() -> None:
    times = np.array([0.0, 0.41e-3, 0.41e-3, 1.7e-3, 2.0e-3, 3.3e-3])  # with a step of no duration
    found, squares = moments((GX, None, GZ), times), mean_products((GX, None, GZ), times)
    for s, (start, end) in enumerate(pairwise(times)):
        n = max(round((end - start) / 10e-9), 1)  # cells of 10 ns, whose borders meet the corners
        middle = start + (np.arange(n) + 0.5) / n * (end - start)
        G = [np.interp(middle, g.times, g.amplitudes, left=0, right=0) if g else 0 * middle for g in (GX, None, GZ)]
        area = GYROMAGNETIC_RATIO * (end - start) * np.mean(G, axis=1)
        assert np.allclose(found[s], area, rtol=1e-8, atol=1e-6 * GYROMAGNETIC_RATIO * 1e-5)
        both = [GYROMAGNETIC_RATIO * (end - start) * np.mean(G[i] * G[j]) for i, j in PAIRS]
        assert np.allclose(squares[s], both, rtol=1e-8, atol=1e-8 * GYROMAGNETIC_RATIO * 1e-5)


def test_equal_steps_have_equal_moments_to_the_last_bit() -> None:
    flat = trapezoid(640.0, flat_time=4e-3, ramp_time=0.3e-3)
    steps = timeline(Sequence((Block(5e-3, gx=flat, readout=Readout(128, 4e-3 / 128, 0.3e-3)),) * 2))
    inside = steps.moment[1:128, 0]
    assert len(inside.unique()) == 1
    assert len(steps.duration[1:128].unique()) == 1


def test_a_pulse_keeps_its_angle_whatever_cuts_it() -> None:
    shape = np.array([0.1, 0.0, 0.3j, 0.2])
    cut = block(rf=RFPulse(shape, 1e-3, delay=0.2e-3, phase=0.5), readout=Readout(5, 0.37e-3, 0.1e-3))
    steps = timeline(Sequence((cut,)))
    assert abs(complex(steps.rf.sum()) - shape.sum() * np.exp(0.5j)) < 1e-14
    assert steps.n_samples == 5
    assert torch.allclose(steps.sample_time, 0.1e-3 + (torch.arange(5).double() + 0.5) * 0.37e-3, atol=1e-15)
    plays = (steps.end > 0.2e-3 + 1e-9) & (steps.end - steps.duration < 4.2e-3 - 1e-9)
    assert torch.equal(steps.pulse >= 0, plays)  # the zero of the shape included


def test_an_empty_sequence_is_refused() -> None:
    with pytest.raises(ValueError, match="no blocks"):
        timeline(Sequence(()))


@pytest.mark.parametrize(
    ("gradients", "direction"), [("xz", (0.0, 0.0, 1.0)), ("yz", (0.0, 0.0, 1.0)), ("xy", (0.0, 1.0, 0.0))]
)
def test_the_concomitant_phase_is_that_of_the_length_of_the_field(
    gradients: str, direction: tuple[float, float, float]
) -> None:
    """Against ∫ |B| dt of the full field of symmetric gradient coils, at a B0 where cubic terms are small."""
    B0 = 0.4
    shapes = {"x": GX, "y": GX, "z": GZ}
    played = {f"g{axis}": shapes[axis] for axis in gradients}
    place = np.array([0.07, -0.05, 0.09])
    spins = point_spins(
        torch.full((1,), 1e12).double(), torch.full((1,), 1e12).double(), position=torch.from_numpy(place)[None]
    )
    sequence = Sequence((block(rf=hard_pulse(math.pi / 2)), Block(4e-3, **played, readout=Readout(1, 1e-9, 3.9e-3))))
    field = {"B0": B0, "B0_direction": direction}
    turned = magnetisation_at_samples(spins, timeline(sequence, concomitant=True), **field)
    plain = magnetisation_at_samples(spins, timeline(sequence), **field)
    found = -np.angle((turned / plain).item()) / (2 * np.pi)
    t = (np.arange(400_000) + 0.5) * 1e-8
    G = np.array([np.interp(t, *_points(played.get(f"g{axis}")), left=0, right=0) for axis in "xyz"])
    # In the magnet's axes, z along B0: rows e1, e2, B0 with e1 × e2 = B0.
    axes = np.roll(np.eye(3), -2 if direction[1] else 0, axis=0)
    g, (x, y, z) = axes @ G, axes @ place
    B = np.array([g[0] * z - g[2] * x / 2, g[1] * z - g[2] * y / 2, B0 + g[0] * x + g[1] * y + g[2] * z])
    expected = GYROMAGNETIC_RATIO * np.sum(np.linalg.norm(B, axis=0) - B[2]) * 1e-8
    assert abs(expected) > 0.01
    assert abs(found - expected) < 0.01 * abs(expected)


def _points(gradient: Gradient | None) -> tuple[np.ndarray, np.ndarray]:
    return (np.array([0.0, 1.0]), np.zeros(2)) if gradient is None else (gradient.times, gradient.amplitudes)
