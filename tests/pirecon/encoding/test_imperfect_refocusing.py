"""Echo trains with selective pulses: phases that stimulated echoes wear away, against played isochromats."""

from __future__ import annotations

import numpy as np
import torch

from bloch.magnetisation import acquire, point_spins, timeline
from bloch.receiver import volume_coil
from bloch.scanner import Scanner
from bloch.sequence import (
    HARD_PULSE,
    SINC_PULSE,
    Encoding,
    PulseDesign,
    Sequence,
    TrainDesign,
    fully_sampled,
    turbo_spin_echo,
)
from pirecon.encoding import MaxwellMoments, concomitant_evolution, moments_of_sequence, with_imperfect_refocusing
from pirecon.encoding.maxwell_moments import moments_of_readouts
from pirecon.rawdata.geometry import Geometry

B0, N = 0.05, 8
CORONAL = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
SCANNER = Scanner(B0, volume_coil(), max_gradient=25e-3)
PLACE = np.array([0.02, 0.0, 0.07])


def train(pulse: PulseDesign) -> Sequence:
    encoding = Encoding((1, N, N), (5e-3, 0.2, 0.2), np.zeros((1, 3)), CORONAL, fully_sampled((1, N)))
    return turbo_spin_echo(
        encoding, SCANNER, echo_time=0.02, repetition_time=0.5, echo_train_length=8, echo_spacing=0.01,
        design=TrainDesign(pulse=pulse),
    )  # fmt: skip


def predicted(moments: MaxwellMoments) -> torch.Tensor:
    """At one place, at the centre of every echo."""
    geometry = Geometry((1, 1, 1), (5e-3, 1e-3, 1e-3), PLACE[None], CORONAL)
    evolution = concomitant_evolution(moments, geometry, B0=B0)
    return torch.einsum("lrs,l->rs", evolution.basis, evolution.coefficients.flatten())[:, N]


def played(sequence: Sequence) -> torch.Tensor:
    """The same of isochromats across the slice."""
    across = torch.linspace(-4e-3, 4e-3, 801, dtype=torch.float64)
    position = torch.from_numpy(PLACE) + across[:, None] * torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)
    ever = torch.full((801,), 1e6, dtype=torch.float64)
    spins = point_spins(ever, ever, position=position)
    with_field, without = (
        acquire(spins, timeline(sequence, concomitant=c), B0=B0).reshape(-1, 2 * N)[:, N] for c in (True, False)
    )
    return with_field / without


def test_selective_pulses_wear_a_phase_away() -> None:
    sequence = train(SINC_PULSE)
    primary = moments_of_sequence(sequence)
    wanted = played(sequence)[:8]
    alone, mixed = (predicted(m)[:8] for m in (primary, with_imperfect_refocusing(primary, sequence)))
    last = with_imperfect_refocusing(primary, sequence)
    some = moments_of_readouts(last, np.array([7, 2]))
    torch.testing.assert_close(predicted(some), predicted(last)[[7, 2]], rtol=0, atol=5e-3)
    assert float((alone - wanted).abs().max()) > 0.4
    assert float((mixed - wanted).abs().max()) < 0.15
    assert float((mixed - wanted).norm()) < 0.3 * float((alone - wanted).norm())


def test_perfect_refocusing_leaves_the_primary_path() -> None:
    sequence = train(HARD_PULSE)
    primary = moments_of_sequence(sequence)
    assert with_imperfect_refocusing(primary, sequence) is primary
