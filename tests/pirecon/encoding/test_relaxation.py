"""Relaxation along echo trains: against played isochromats, closed forms, and what must not be harmed."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from bloch.phantom import MapPhantom
from bloch.rawfile import write_mrd
from bloch.receiver import volume_coil
from bloch.scanner import Scanner
from bloch.sequence import (
    TRANSAXIAL,
    Encoding,
    PulseDesign,
    Sequence,
    TrainDesign,
    fully_sampled,
    spin_echo,
    turbo_spin_echo,
)
from bloch.simulate import Conditions, simulate
from pirecon.classical import cg_sense
from pirecon.encoding import CartesianSense, Evolution, Evolving
from pirecon.encoding.relaxation import mapped_evolution, prior_evolution, relaxation_evolution
from pirecon.encoding.relaxation_dictionary import echo_dictionary, echo_signals, temporal_basis
from pirecon.encoding.relaxation_maps import ContrastSubspace, decay_basis, fit_relaxation, subspace_images
from pirecon.encoding.relaxation_train import RefocusedTrain, refocused_train, signal_to_noise
from pirecon.rawdata import RawData, read_mrd, sort_kspace

N, N_ECHOES, SPACING = 24, 6, 12e-3
SCANNER = Scanner(0.1, volume_coil(), max_gradient=6e-3)
ENCODING = Encoding(
    (1, N, N), (5e-3, 0.24, 0.24), np.zeros((1, 3)), TRANSAXIAL, fully_sampled((1, N)),
    oversampling=1, sample_time=100e-6, noise_readouts=0,
)  # fmt: skip
INSTANT = TrainDesign(pulse=PulseDesign(duration=0.0, slice_selective=False))


def tse(effective_echo: int) -> Sequence:
    return turbo_spin_echo(
        ENCODING, SCANNER, echo_time=effective_echo * SPACING, repetition_time=1.0, echo_train_length=N_ECHOES,
        echo_spacing=SPACING, design=INSTANT,
    )  # fmt: skip


def disc(T2: float) -> MapPhantom:
    y, x = torch.meshgrid(torch.linspace(-1, 1, 2 * N), torch.linspace(-1, 1, 2 * N), indexing="ij")
    density = ((y**2 + x**2) < 0.4).float()[None] * (1 + 0.3 * x)
    return MapPhantom(density, torch.full_like(density, 0.4), torch.full_like(density, T2), (5e-3, 5e-3, 5e-3))


def played(folder: Path, sequence: Sequence, phantom: MapPhantom) -> RawData:
    wanted = Conditions(noise=False, concomitant=False, variation=0.0, n_isochromats=3)
    path = folder / "raw.h5"
    write_mrd(path, simulate(phantom, sequence, SCANNER, conditions=wanted))
    return read_mrd(path)


def train(n_echoes: int = 8, effective: int = 3, n_lines: int = 16, spacing: float = 10e-3) -> RefocusedTrain:
    share = torch.zeros(n_echoes, 1, n_lines, dtype=torch.float64)
    echo = (torch.arange(n_lines) * n_echoes // n_lines + effective - n_echoes // 2) % n_echoes
    share[echo, 0, torch.arange(n_lines)] = 1
    return RefocusedTrain(spacing, (math.pi,) * n_echoes, 1.0, None, share, effective, "a test")


def values(evolution: Evolution) -> Tensor:
    """e of every line in every voxel, ``(kz, ky, 1, z, y, x)``."""
    return torch.einsum("labc,lzyx->abczyx", evolution.basis, evolution.coefficients)


def test_played_lines_are_what_the_map_makes_of_one_image(tmp_path: Path) -> None:
    """Samples by isochromats with the lines read at any echo = e times those with k = 0 read at its own echo."""
    phantom = disc(0.08)
    images = []
    for effective in (1, 3, 6):
        raw = played(tmp_path, tse(effective), phantom)
        evolution = relaxation_evolution(raw, T2=torch.full((1, N, N), 0.08))
        assert isinstance(evolution, Evolution)
        assert torch.allclose(values(evolution)[0, N // 2], torch.ones(1, 1, N, N, dtype=torch.complex64), atol=1e-3)
        E = CartesianSense(torch.ones(1, 1, N, N, dtype=torch.complex64), torch.ones(1, 1, N, N))
        y = sort_kspace(raw).data
        x = cg_sense(y, Evolving(E, evolution), regularisation=0.0)
        images.append(x * math.exp(effective * SPACING / 0.08))
    for image in images[1:]:  # T2 is one everywhere, so all images are alike but for their decay
        assert float((image - images[0]).norm() / images[0].norm()) < 0.01


def test_header_and_counters_tell_the_train(tmp_path: Path) -> None:
    found = refocused_train(played(tmp_path, tse(4), disc(0.1)))
    assert isinstance(found, RefocusedTrain)
    assert found.effective_echo == 3
    assert found.n_echoes == N_ECHOES
    assert found.echo_spacing == pytest.approx(SPACING)
    assert torch.equal(found.share.sum(0), torch.ones(1, N, dtype=torch.float64))
    assert "180 degrees assumed" in found.source


def test_missing_spacing_follows_from_the_echo_time(tmp_path: Path) -> None:
    raw = played(tmp_path, tse(4), disc(0.1))
    raw.header.sequenceParameters.echo_spacing = []
    found = refocused_train(raw)
    assert isinstance(found, RefocusedTrain)
    assert found.echo_spacing == pytest.approx(SPACING)
    assert "no echo spacing" in found.source
    raw.header.sequenceParameters.echo_spacing = []
    nothing = refocused_train(replace(raw, physics=replace(raw.physics, echo_times=())))
    assert isinstance(nothing, str)
    assert "neither an echo spacing nor an echo time" in nothing


def test_a_spin_echo_without_train_is_left_alone(tmp_path: Path) -> None:
    sequence = spin_echo(ENCODING, SCANNER, echo_time=20e-3, repetition_time=0.1, design=INSTANT)
    reason = relaxation_evolution(played(tmp_path, sequence, disc(0.1)))
    assert isinstance(reason, str)
    assert "echo train length 1" in reason


def test_long_T2_leaves_everything_as_it_is() -> None:
    evolution = mapped_evolution(train(), torch.full((1, 3, 4), 4.0))
    assert float((values(evolution) - 1).abs().max()) < 0.03


def test_maps_decay_as_exponentials() -> None:
    T2 = torch.tensor([0.05, 0.1, 0.3, math.nan]).reshape(1, 2, 2)
    of = train()
    evolution = mapped_evolution(of, T2, least=0.0)
    echo = of.share[:, 0].argmax(0)
    known = torch.tensor([0.05, 0.1, 0.3, 0.1], dtype=torch.float64)  # a hole takes the median
    expected = torch.exp(-(echo[:, None] - of.effective_echo) * of.echo_spacing / known)
    torch.testing.assert_close(
        values(evolution)[0, :, 0].reshape(len(echo), -1).real.double(), expected, rtol=0.01, atol=5e-3
    )
    assert "unknown in 25 %" in evolution.source


def test_limits_of_maps_hold() -> None:
    e = values(mapped_evolution(train(16, 8, 32, 20e-3), torch.full((1, 2, 2), 0.02), tolerance=1e-6)).real
    assert float(e.min()) > 1 / 3 - 1e-3
    assert float(e.max()) < 10 + 1e-2


def noisy_lines(of: RefocusedTrain, amplitude: Tensor, n_coils: int = 3) -> Tensor:
    """Random k-space of this standard deviation per line, shared by coils of sensitivity 1/√n, in noise of 1."""
    generator = torch.Generator().manual_seed(4)
    parts = torch.randn(2, 1 + n_coils, 1, of.share.shape[-1], 2000, generator=generator, dtype=torch.float64)
    white = torch.complex(parts[0], parts[1])
    return amplitude[:, None] * white[:1] / math.sqrt(n_coils) + white[1:]


def test_signal_to_noise_of_the_lines_is_found() -> None:
    of = train()
    echo = of.share[:, 0].argmax(0)
    amplitude = torch.arange(of.n_echoes, dtype=torch.float64)
    y = noisy_lines(of, amplitude[echo])
    torch.testing.assert_close(signal_to_noise(of, y), amplitude**2, rtol=0.1, atol=0.1)
    torch.testing.assert_close(signal_to_noise(of, torch.stack([y, y])), signal_to_noise(of, y))


@pytest.mark.parametrize("level", [0.3, 1.0, 3.0, 30.0])
def test_lines_in_noise_are_not_raised_beyond_what_helps(level: float) -> None:
    """The expected error of every line, misfit and raised noise, is at most that of leaving it as it is."""
    of = train(16, 4, 32)
    echo = of.share[:, 0].argmax(0)
    e = torch.exp(-(echo - of.effective_echo) * of.echo_spacing / 0.06).double()
    T2 = torch.full((1, 2, 2), 0.06)
    y = noisy_lines(of, level * e)
    raised, all_alike = (
        values(mapped_evolution(of, T2, kspace=k, least=0.0))[0, :, 0, 0, 0, 0].real.double() for k in (y, None)
    )

    def expected(gain: Tensor) -> Tensor:
        return (1 - gain * e).square() * level**2 + gain.square()

    one = torch.ones_like(e)
    assert bool((expected(1 / raised) <= 1.01 * expected(one) + 1e-6).all())
    assert float(expected(1 / raised).sum()) < 0.9 * float(expected(1 / all_alike).sum()) or level == 30.0
    if level == 30.0:
        torch.testing.assert_close(raised[e > 0.3], e[e > 0.3], rtol=0.05, atol=0.01)


def test_nonsense_maps_are_refused() -> None:
    with pytest.raises(ValueError, match="probably in ms"):
        mapped_evolution(train(), torch.full((1, 3, 3), 90.0))
    with pytest.raises(ValueError, match="nowhere positive"):
        mapped_evolution(train(), torch.zeros(1, 3, 3))
    with pytest.raises(ValueError, match="one shape"):
        mapped_evolution(train(), torch.ones(1, 3, 3), T1=torch.ones(1, 3, 4))


@pytest.mark.parametrize("B0", [0.05, 0.1, 0.3])
@pytest.mark.parametrize("effective", [0, 3, 7])
def test_prior_estimates_edges_no_worse_than_nothing(B0: float, effective: int) -> None:
    """Over edges between tissues of the dictionary, the expected squared error of every line falls or stays."""
    of = train(effective=effective)
    dictionary = echo_dictionary(of, B0)
    e = prior_evolution(of, B0).basis[0, 0, :, 0].real.double()
    assert float(e.min()) > 0.5 - 1e-6
    assert float(e.max()) < 2 + 1e-6
    generator = torch.Generator().manual_seed(1)
    weight = torch.cat([0.8 * dictionary.weight, torch.tensor([0.2], dtype=torch.float64)])  # the last is air
    signals = torch.cat([dictionary.signals, torch.zeros(1, of.n_echoes, dtype=torch.float64)])
    one, other = (signals[torch.multinomial(weight, 40000, replacement=True, generator=generator)] for _ in range(2))
    edge = one - other
    echo = of.share[:, 0].argmax(0)
    wanted, measured = edge[:, [effective]], edge[:, echo]
    before, after = ((wanted - measured * f).square().mean(0) for f in (torch.ones_like(e), 1 / e))
    assert bool((after <= before * 1.02 + 1e-12).all())
    assert float(after.sum()) < 0.9 * float(before.sum())


def test_dictionary_without_spread_is_the_closed_form() -> None:
    of = train()
    T1, T2 = torch.tensor([0.5, 4.0]), torch.tensor([0.08, 1.5])
    times = of.echo_spacing * torch.arange(1, of.n_echoes + 1)
    expected = torch.exp(-times / T2[:, None]).double()
    torch.testing.assert_close(echo_signals(of, T1, T2), expected, rtol=1e-5, atol=1e-6)


def test_inversion_and_repetition_make_the_tissues_contrast() -> None:
    """At the null of CSF the dictionary holds hardly any of its signal, and short T1 recovers first."""
    recovered = echo_dictionary(replace(train(), repetition_time=30.0), 0.1)
    nulled = echo_dictionary(replace(train(), repetition_time=30.0, inversion_time=4.329 * math.log(2)), 0.1)
    csf = (recovered.T1 - 4.329).abs() < 1e-3
    assert float(nulled.signals[csf].abs().max()) < 0.05 * float(recovered.signals[csf].abs().max())
    weighted = echo_dictionary(replace(train(), repetition_time=0.3), 0.1)
    assert float(weighted.signals[csf].mean()) < 0.2 * float(recovered.signals[csf].mean())


def test_basis_error_is_what_is_left_out() -> None:
    curves = torch.exp(-torch.arange(1, 33) / torch.linspace(2, 60, 50)[:, None]).double()
    weight = torch.rand(50, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for tolerance in (1e-1, 1e-2, 1e-3):
        basis, error = temporal_basis(curves, weight, tolerance=tolerance)
        scaled = weight.sqrt()[:, None] * curves
        left = scaled - scaled @ basis.T @ basis
        assert float(left.norm() / scaled.norm()) == pytest.approx(error, rel=1e-6)
        assert error <= tolerance
        if len(basis) > 1:
            fewer = basis[:-1]
            assert float((scaled - scaled @ fewer.T @ fewer).norm() / scaled.norm()) > tolerance


TIMES = tuple(0.02 * n for n in range(1, 9))


def decays(T2: Tensor) -> Tensor:
    phase = torch.polar(torch.ones_like(T2), 0.3 * torch.arange(T2.numel()).reshape(T2.shape))
    return 100 * phase * torch.exp(-torch.tensor(TIMES)[:, None, None, None] / T2)


def test_T2_of_clean_decays() -> None:
    T2 = torch.linspace(0.02, 0.4, 30).reshape(1, 5, 6)
    found = fit_relaxation(decays(T2), TIMES)
    torch.testing.assert_close(found.T2, T2, rtol=5e-3, atol=0)
    torch.testing.assert_close(found.amplitude.abs(), torch.full_like(T2, 100), rtol=5e-3, atol=0)


def test_T2_has_no_noise_floor_and_air_is_not_told() -> None:
    generator = torch.Generator().manual_seed(2)
    x = torch.zeros(8, 1, 40, 40, dtype=torch.complex64)
    x[:, :, :20] = 20 * torch.exp(-torch.tensor(TIMES) / 0.05)[:, None, None, None]
    noise = torch.randn(2, *x.shape, generator=generator)
    found = fit_relaxation(x + torch.complex(noise[0], noise[1]), TIMES)
    assert float(found.T2[:, :20].nanmedian()) == pytest.approx(0.05, rel=0.05)
    assert float(found.T2[:, 20:].isnan().float().mean()) > 0.85


def test_times_in_milliseconds_are_refused() -> None:
    with pytest.raises(ValueError, match="Are they in ms"):
        fit_relaxation(torch.ones(2, 1, 2, 2, dtype=torch.complex64), (20.0, 40.0))
    with pytest.raises(ValueError, match="expected images \\(contrast"):
        fit_relaxation(torch.ones(3, 1, 2, 2, dtype=torch.complex64), (0.02, 0.04))


def test_contrasts_share_what_each_did_not_measure() -> None:
    """Every contrast measures half of the lines; one subspace finds T2 that each alone could not."""
    T2 = torch.full((1, 16, 16), 0.06)
    T2[:, 4:10, 5:12] = 0.2
    truth = decays(T2).abs().to(torch.complex64)
    weights = torch.zeros(8, 1, 1, 16, 16)
    for t in range(8):
        weights[t, :, :, (t + t // 4) % 2 :: 2] = 1  # every line early and late
    E = CartesianSense(torch.ones(1, 1, 16, 16, dtype=torch.complex64), weights)
    basis, error = decay_basis(TIMES, tolerance=0.03)
    assert error < 0.03
    shared = ContrastSubspace(E, basis)
    images = subspace_images(E(truth), shared, regularisation=1e-4, n_iterations=100)
    alone = torch.stack([E.adjoint(E(truth))[t] for t in range(8)])
    assert float((images - truth).norm() / truth.norm()) < 0.06
    assert float((alone - truth).norm() / truth.norm()) > 0.3
    wrong = (fit_relaxation(images, TIMES).T2 / T2 - 1).abs()
    assert float(wrong.median()) < 0.05
