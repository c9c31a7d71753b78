"""The object and the sequences that are simulated twice: small, odd and even, with everything that can go wrong."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from bloch.phantom import MapPhantom
from bloch.receiver import loop_array
from bloch.scanner import Scanner
from bloch.sequence import (
    TRANSAXIAL,
    Encoding,
    PulseDesign,
    Sequence,
    TrainDesign,
    balanced_ssfp,
    fully_sampled,
    gradient_echo,
    radial_readings,
    spin_echo,
    turbo_spin_echo,
)

B0 = 0.3
LINES, SAMPLES = 21, 18
"""Of the Cartesian scans; odd and even."""

INSTANT = PulseDesign(duration=0.0, slice_selective=False)  # the one kind of pulse that every simulator has
BRIEF = PulseDesign(duration=40e-6, slice_selective=False)  # as near to it as a file can hold
SCANNER = Scanner(B0, loop_array(2), max_B1=1e-2)


def phantom(lines: int = LINES, samples: int = SAMPLES) -> MapPhantom:
    """Proton density, T1, T2, T2', off-resonance and a complex B1+ vary, each in its own way.

    Args:
        lines, samples: matrix of the scan; the phantom's is about twice as fine.

    Returns:
        MapPhantom of one plane.
    """
    n_y, n_x = 2 * lines - 1, 2 * samples
    y, x = torch.meshgrid(torch.linspace(-1, 1, n_y), torch.linspace(-1, 1, n_x), indexing="ij")
    hole = (y - 0.3) ** 2 + (x - 0.2) ** 2 < 0.09
    density = ((y / 0.9) ** 2 + (x / 0.8) ** 2 < 1) * (0.8 + 0.2 * x) * torch.where(hole, 0.3, 1.0)
    T2 = 0.06 + 0.05 * (1 + x)
    return MapPhantom(
        proton_density=density[None],
        T1=(0.3 + 0.25 * (1 + y))[None],
        T2=T2[None],
        voxel_size=(5e-3, 4e-3, 4.5e-3),
        T2_star=(1 / (1 / T2 + 4.0 * (1 + y)))[None],
        field_offset=(0.4 * x * y)[None],
        transmit_field=torch.polar(1 + 0.1 * x, 0.2 * y)[None],
    )


def sensitivities(positions: Tensor) -> Tensor:
    """Two coils with a slope in amplitude and phase, complex128 ``(coil, position)``; positions in m."""
    x, y, _ = positions.double().unbind(-1)
    return torch.stack((torch.polar(1 + 4 * x, 6 * y), torch.polar(1 - 3 * y, 2.0 - 5 * x)))


def cartesian(lines: int = LINES, samples: int = SAMPLES) -> Encoding:
    """Voxels of 8 × 9 mm."""
    return Encoding(
        matrix=(1, lines, samples),
        field_of_view=(5e-3, lines * 8e-3, samples * 9e-3),
        centres=np.zeros((1, 3)),
        directions=TRANSAXIAL,
        sampling=fully_sampled((1, lines)),
        oversampling=1,
        sample_time=20e-6,
    )


def square(samples: int = SAMPLES) -> Encoding:
    """For spokes; one sample more than a Cartesian line has."""
    n = samples + 1
    edge = n * 9e-3
    return replace(
        cartesian(), matrix=(1, n, n), field_of_view=(5e-3, edge, edge), sampling=fully_sampled((1, n))
    )  # fmt: skip


def sequences(
    n_lines: int = LINES, n_samples: int = SAMPLES, *, pulse: PulseDesign = INSTANT
) -> dict[str, Callable[[], Sequence]]:
    """Every family, by name; straight lines and spokes.

    Args:
        n_lines, n_samples: of the Cartesian scans; there are four spokes less than lines.
        pulse: of all pulses.

    Returns:
        Builders.
    """
    lines, spokes = cartesian(n_lines, n_samples), square(n_samples)
    star = radial_readings(spokes, SCANNER, n_spokes=n_lines - 4)
    train = TrainDesign(pulse=pulse)
    turbo = {"echo_spacing": 12e-3, "echo_train_length": 7, "refocusing_angles": math.radians(120)}
    echo = {"echo_time": 8e-3, "repetition_time": 30e-3, "flip_angle": math.radians(20), "pulse": pulse}
    balanced = {"repetition_time": 8e-3, "flip_angle": math.radians(50), "pulse": pulse, "n_dummies": 3}
    return {
        "GRE, Cartesian": lambda: gradient_echo(lines, SCANNER, **echo),
        "GRE, radial": lambda: gradient_echo(spokes, SCANNER, readings=star, **echo),
        "SE, Cartesian": lambda: spin_echo(lines, SCANNER, echo_time=20e-3, repetition_time=0.2, design=train),
        "SE, radial": lambda: spin_echo(
            spokes, SCANNER, echo_time=20e-3, repetition_time=0.2, design=train, readings=star
        ),
        "TSE, Cartesian": lambda: turbo_spin_echo(
            lines, SCANNER, echo_time=36e-3, repetition_time=0.3, design=train, **turbo
        ),
        "TSE, radial": lambda: turbo_spin_echo(
            spokes, SCANNER, echo_time=36e-3, repetition_time=0.3, design=train, readings=star, **turbo
        ),
        "bSSFP, Cartesian": lambda: balanced_ssfp(lines, SCANNER, **balanced),
        "bSSFP, radial": lambda: balanced_ssfp(spokes, SCANNER, readings=star, **balanced),
    }
