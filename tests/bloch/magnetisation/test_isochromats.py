"""The fast engine against the plain one, its chunks against the whole, its memory, and what it refuses."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from bloch.magnetisation import (
    SensitivityStates,
    Spins,
    Timeline,
    acquire,
    magnetisation_at_samples,
    point_spins,
    reference_magnetisation,
    subdivide,
    timeline,
)
from bloch.sequence import Block, Gradient, Readout, RFPulse, Sequence, block, hard_pulse, trapezoid

B0 = 0.055


@pytest.fixture(scope="module")
def steps() -> Timeline:
    """Shaped and hard pulses, repeated and single, even and uneven samples, a sample inside a pulse."""
    rng = np.random.default_rng(5)
    shape = np.hanning(13)[1:-1] * np.exp(0.6j * np.arange(11))
    shape *= 0.9 / abs(shape.sum())
    ramp = Gradient(np.array([0.0, 2e-3, 5e-3]), np.array([0.0, 4e-3, 1e-3]))
    blocks = []
    for k in range(6):
        selection = trapezoid(300, flat_time=1e-3, ramp_time=2e-4)
        pulse = RFPulse(shape, 75e-6, phase=rng.uniform(0, 6), frequency_offset=200.0, delay=1e-4)
        blocks += [
            block(rf=pulse, gz=selection),
            block(
                gx=trapezoid(-100 * rng.random(), flat_time=1e-3, ramp_time=2e-4),
                gy=trapezoid(90, flat_time=0, ramp_time=5e-4),
            ),
            block(
                gx=trapezoid(200, flat_time=12e-3, ramp_time=2e-4),
                readout=Readout(53, 0.2e-3, 2e-4, phase=0.3 * k, frequency_offset=50.0),
            ),
            block(rf=hard_pulse(1.1, phase=rng.uniform(0, 6))),
            Block(6e-3, gy=ramp, readout=Readout(11, 0.4e-3, 1e-4)),
        ]
    busy = RFPulse(shape * 2, 90e-6)
    blocks.append(block(rf=busy, readout=Readout(3, 0.3e-3, 0.1e-3)))
    return timeline(Sequence(tuple(blocks)), concomitant=True)


def spins_of(n: int, dtype: torch.dtype) -> Spins:
    g = torch.Generator().manual_seed(3)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=g, dtype=torch.float64)

    T1 = (0.2 + 2 * uniform(n)).to(dtype)
    spins = point_spins(
        T1,
        T1 * (0.05 + 0.5 * uniform(n)).to(dtype),
        equilibrium=uniform(n).to(dtype),
        off_resonance=(200 * uniform(n) - 100).to(dtype),
        position=(0.2 * uniform(n, 3) - 0.1).to(dtype),
    )
    return replace(spins, transmit=torch.polar(0.7 + 0.6 * uniform(n), uniform(n)).to(spins.transmit.dtype))


def with_gradient(spins: Spins) -> Spins:
    """Asks for a derivative, and so for the path in PyTorch."""
    return replace(spins, equilibrium=spins.equilibrium.clone().requires_grad_())


@pytest.mark.parametrize("path", [lambda spins: spins, with_gradient], ids=["compiled", "differentiable"])
@pytest.mark.parametrize(("dtype", "error"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
def test_it_equals_the_plain_engine(path, dtype: torch.dtype, error: float, steps: Timeline) -> None:
    spins = spins_of(157, dtype)
    expected = reference_magnetisation(spins, steps, B0=B0) * torch.exp(-1j * steps.receiver_phase)
    found = magnetisation_at_samples(path(spins), steps, B0=B0).detach()
    assert found.dtype == spins.transmit.dtype
    assert (found - expected).abs().max() < error
    heard = acquire(path(spins), steps, B0=B0).detach()
    assert heard.shape == (1, steps.n_samples)
    assert (heard[0] - expected.sum(0)).abs().max() < error * len(spins) ** 0.5


@pytest.mark.filterwarnings("ignore:.*isochromats in a pool")
@pytest.mark.parametrize("path", [lambda spins: spins, with_gradient], ids=["compiled", "differentiable"])
def test_pools_are_means_of_their_isochromats(path, steps: Timeline) -> None:
    n, spins = 5, replace(spins_of(143, torch.float64), extent=(3e-3, 4e-3, 5e-3))
    spins = replace(spins, R2_prime=torch.linspace(0, 30, 143, dtype=torch.float64))
    apart = reference_magnetisation(subdivide(spins, n), steps, B0=B0).reshape(n, 143, -1)
    expected = apart.sum(0) * torch.exp(-1j * steps.receiver_phase)
    found = magnetisation_at_samples(path(spins), steps, n_isochromats=n, B0=B0).detach()
    assert (found - expected).abs().max() < 1e-11


@pytest.mark.parametrize("path", [lambda spins: spins, with_gradient], ids=["compiled", "differentiable"])
def test_coils_sum_what_they_hear_in_each_state(path, steps: Timeline) -> None:
    spins, n_samples = spins_of(137, torch.float64), steps.n_samples
    g = torch.Generator().manual_seed(8)
    maps = torch.randn(3, 5, 137, dtype=torch.complex128, generator=g)
    state = torch.randint(3, (n_samples,), generator=g)
    M = magnetisation_at_samples(spins, steps, B0=B0)
    expected = torch.einsum("scn,ns->cs", maps[state], M)
    found = acquire(path(spins), steps, sensitivities=SensitivityStates(maps, state), B0=B0).detach()
    assert (found - expected).abs().max() < 1e-11
    still = acquire(path(spins), steps, sensitivities=maps[1], B0=B0).detach()
    assert (still - maps[1] @ M).abs().max() < 1e-11


@pytest.mark.filterwarnings("ignore:.*isochromats in a pool")
@pytest.mark.parametrize("path", [lambda spins: spins, with_gradient], ids=["compiled", "differentiable"])
def test_chunks_do_not_change_the_result(path, steps: Timeline) -> None:
    spins = replace(spins_of(301, torch.float32), extent=(3e-3, 0.0, 0.0))
    maps = torch.ones(2, 301, dtype=torch.complex64) * torch.tensor([[1.0], [2j]])
    seen: list[float] = []
    few = acquire(path(spins), steps, sensitivities=maps, n_isochromats=3, memory=2**21, B0=B0, progress=seen.append)
    whole = acquire(path(spins), steps, sensitivities=maps, n_isochromats=3, B0=B0)
    assert len(seen) > 2
    assert seen == sorted(seen)
    assert seen[-1] == 1
    assert (few - whole).detach().norm() < 1e-6 * whole.detach().norm()
    few = magnetisation_at_samples(path(spins), steps, n_isochromats=3, memory=2**21, B0=B0)
    whole = magnetisation_at_samples(path(spins), steps, n_isochromats=3, B0=B0)
    assert (few - whole).detach().abs().max() < 1e-6


def test_the_number_of_threads_does_not_change_a_bit(steps: Timeline) -> None:
    spins, before = spins_of(2300, torch.float32), torch.get_num_threads()
    try:
        found = []
        for n in (1, 3):
            torch.set_num_threads(n)
            found.append(acquire(spins, steps, B0=B0))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*found)


MEASURE = """
import resource
from dataclasses import replace
import torch
from bloch.magnetisation import acquire, point_spins, timeline
from bloch.sequence import Readout, Sequence, block, hard_pulse, trapezoid

torch.set_num_threads(2)
gradient = trapezoid(9, flat_time=1e-3, ramp_time=1e-4)
steps = timeline(Sequence((block(rf=hard_pulse(1.0)), block(readout=Readout(40, 1e-5), gx=gradient))))

def run(n):
    T1 = torch.full((n,), 1.0)
    spins = replace(point_spins(T1, T1 / 9), extent=(1e-3, 1e-3, 1e-3))
    acquire(spins, steps, n_isochromats=64, memory=2**26)

run(500)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
run(40_000)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


def test_memory_stays_below_what_was_allowed() -> None:
    """40,000 pools of 64 isochromats: in one piece they would take over 700 MB; allowed are 64 MiB."""
    found = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True)
    arguments = 40_000 * 4 * 14  # bytes of the spins themselves, and of their checks
    assert int(found.stdout) < 2**26 + 3 * arguments


def good() -> Spins:
    return spins_of(7, torch.float64)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda s: replace(s, T2=-s.T2), "T1 and T2 must be above 0"),
        (lambda s: replace(s, T1=s.T2, T2=s.T1 * 9), "longer than twice T1"),
        (lambda s: replace(s, off_resonance=s.off_resonance * math.nan), "off_resonance holds NaN"),
        (lambda s: replace(s, position=s.position / 0), "position holds NaN or infinity"),
        (lambda s: replace(s, R2_prime=s.R2_prime - 1), "R2' is a width"),
        (lambda s: replace(s, T1=s.T1[:3]), "T1 has 3 spins"),
        (lambda s: point_spins(torch.zeros(0), torch.zeros(0)), "no spins"),
    ],
)
def test_spins_that_cannot_be_are_refused(spoil, message: str, steps: Timeline) -> None:
    with pytest.raises(ValueError, match=message):
        acquire(spoil(good()), steps, B0=B0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_isochromats": 0}, "at least 1 isochromat"),
        ({"memory": 0}, "memory is a number of bytes"),
        ({"B0": None}, "concomitant fields"),
        ({"B0": 0.0}, "above 0"),
        ({"sensitivities": torch.ones(2, 6, dtype=torch.complex64)}, r"with 7 spins"),
        ({"sensitivities": torch.ones(2, 7)}, "must be complex"),
        (
            {"sensitivities": SensitivityStates(torch.ones(2, 1, 7) + 0j, torch.tensor([0, 2]))},
            "must name one of 2 maps",
        ),
    ],
)
def test_arguments_that_do_not_fit_are_refused(arguments: dict, message: str, steps: Timeline) -> None:
    with pytest.raises(ValueError, match=message):
        acquire(good(), steps, **{"B0": B0, **arguments})


def test_samples_out_of_order_are_refused(steps: Timeline) -> None:
    with pytest.raises(ValueError, match="in the order of time"):
        acquire(good(), replace(steps, sample=steps.sample.flip(0)), B0=B0)
