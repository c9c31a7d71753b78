"""Interference: where lines lie, coherence in time and between channels, rank, level, colour, seeds, bad input."""

import math

import pytest
import torch
from torch import Tensor

from bloch.receiver import BroadBand, NarrowBand, add_interference, interference_at, random_sources
from bloch.receiver.interference_source import Source

DWELL, SAMPLES = 50e-6, 255
ONE = torch.ones(1, dtype=torch.complex128)


def times(n_readouts: int, *, repetition_time: float = 0.0371, jitter: float = 0.0) -> Tensor:
    start = repetition_time * torch.arange(n_readouts, dtype=torch.float64)
    start = start + jitter * torch.rand(n_readouts, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    return start[:, None] + DWELL * torch.arange(SAMPLES, dtype=torch.float64)


def drawn(seed: int, **changes: float) -> tuple[Source, ...]:
    wish = {"n_narrow": 2, "n_broad": 1, "n_channels": 3, "n_sensing": 2, "strength": 4.0, "bandwidth": 1 / DWELL}
    return random_sources(torch.Generator().manual_seed(seed), **{**wish, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("frequency", [-7100.0, 40.0, 3333.0])
def test_a_line_lies_where_spins_of_that_off_resonance_lie(frequency: float) -> None:
    """Spins of a larger field turn as exp(−2πi f t), by the sign of the conventions."""
    t = times(1)
    y = interference_at((NarrowBand(ONE, frequency),), t)[0, 0]
    spins = torch.exp(-2j * math.pi * frequency * t[0])
    assert float((y * spins.conj()).mean().abs() / y.abs().mean()) == pytest.approx(1, abs=1e-9)
    mirrored = float((y * spins).mean().abs() / y.abs().mean())
    assert mirrored < 0.9


def test_a_line_is_one_wave_through_all_readouts_whatever_their_start() -> None:
    t = times(40, jitter=5e-3)
    y = interference_at((NarrowBand(ONE, 1234.5, phase=0.4),), t)[0]
    unwound = y * torch.exp(2j * math.pi * 1234.5 * t)
    torch.testing.assert_close(unwound, unwound[0, 0].expand_as(unwound), rtol=1e-8, atol=0)
    starts = y[:, 0].angle()
    assert float(starts.std()) > 1  # and yet the phase at the start of a readout looks random


def test_frequency_modulation_moves_the_line_as_far_as_it_says() -> None:
    deviation, rate, step = 80.0, 2.0, 1e-5
    t = torch.arange(0, 1.0, 1e-3, dtype=torch.float64)[:, None] + torch.tensor([0.0, step], dtype=torch.float64)
    y = interference_at((NarrowBand(ONE, 500.0, frequency_modulation=(deviation, rate)),), t)[0]
    momentary = -(y[:, 1] * y[:, 0].conj()).angle() / (2 * math.pi * step)
    assert float(momentary.max()) == pytest.approx(580, abs=1)
    assert float(momentary.min()) == pytest.approx(420, abs=1)


def test_amplitude_modulation_keeps_the_power() -> None:
    t = torch.linspace(0, 10, 20_001, dtype=torch.float64)[None, :-1]
    steady, beating = (
        interference_at((NarrowBand(ONE, 70.0, amplitude_modulation=m),), t)[0] for m in ((0.0, 0.0), (0.8, 3.0))
    )
    assert float(beating.abs().square().mean()) == pytest.approx(float(steady.abs().square().mean()), rel=1e-6)
    assert float(beating.abs().max() / beating.abs().min()) == pytest.approx(1.8 / 0.2, rel=1e-3)


def test_level_is_in_standard_deviations_of_thermal_noise_of_the_real_part() -> None:
    coupling = torch.tensor([3.0, 0.5j], dtype=torch.complex128)
    for source in (NarrowBand(coupling, 900.0), BroadBand(coupling, width=5e3, seed=3)):
        y = interference_at((source,), times(400))
        for part in (y.real, y.imag):
            level = part.square().mean((1, 2)).sqrt()
            torch.testing.assert_close(level, torch.tensor([3.0, 0.5]).double(), rtol=0.03, atol=0)


def test_drawn_sources_have_the_strength_asked_for() -> None:
    y = interference_at(drawn(2, n_broad=3), times(300))
    level = math.sqrt(float(y[:3].abs().square().mean()) / 2)
    assert level == pytest.approx(4.0, rel=0.05)


@pytest.mark.parametrize("width", [300.0, 2000.0])
def test_broad_band_noise_is_lorentzian_about_its_centre(width: float) -> None:
    """Its autocorrelation is exp(−π width |τ|) exp(−2πi f τ): inside readouts and across the gaps between them."""
    frequency = 600.0
    y = interference_at((BroadBand(ONE, frequency, width, seed=5),), times(1500))[0]
    for lag in (1, 3, 8):
        tau = lag * DWELL
        measured = complex((y[:, lag:] * y[:, :-lag].conj()).mean()) / 2
        expected = math.exp(-math.pi * width * tau) * torch.exp(torch.tensor(-2j * math.pi * frequency * tau)).item()
        assert abs(measured - expected) < 0.05


def test_broad_band_noise_remembers_across_a_gap_only_as_long_as_its_spectrum_is_narrow() -> None:
    gap = 1e-3
    t = times(4000, repetition_time=(SAMPLES - 1) * DWELL + gap)
    for width, remembered in ((30.0, math.exp(-math.pi * 30.0 * gap)), (5000.0, 0.0)):
        y = interference_at((BroadBand(ONE, 0.0, width, seed=6),), t)[0]
        assert abs(complex((y[1:, 0] * y[:-1, -1].conj()).mean()) / 2 - remembered) < 0.15


def test_order_of_the_samples_does_not_change_what_is_heard_when() -> None:
    t = times(7)
    sources = drawn(4)
    torch.testing.assert_close(interference_at(sources, t.flip(-1)).flip(-1), interference_at(sources, t))
    torch.testing.assert_close(interference_at(sources, t.flip(0)).flip(1), interference_at(sources, t))


@pytest.mark.parametrize(("n_narrow", "n_broad"), [(1, 0), (0, 2), (2, 1)])
def test_rank_of_the_covariance_is_the_number_of_sources(n_narrow: int, n_broad: int) -> None:
    y = interference_at(drawn(7, n_narrow=n_narrow, n_broad=n_broad), times(50)).flatten(1)
    eigenvalues = torch.linalg.eigvalsh(y @ y.mH).flip(0)
    n = n_narrow + n_broad
    assert float(eigenvalues[n - 1]) > 1e-6 * float(eigenvalues[0])
    assert float(eigenvalues[n:].abs().max()) < 1e-10 * float(eigenvalues[0])


def test_what_sensing_coils_hear_predicts_what_receive_coils_hear() -> None:
    y = interference_at(drawn(8, n_narrow=1, n_broad=1), times(60)).flatten(1)
    receive, sensing = y[:3], y[3:]
    fit = torch.linalg.lstsq(sensing.T, receive.T).solution
    left = receive - fit.T @ sensing
    assert float(left.norm() / receive.norm()) < 1e-9


def test_sensing_coils_hear_interference_and_their_own_noise_but_no_signal() -> None:
    t, sources = times(200), drawn(9, n_narrow=1, n_broad=0)
    signal = 1e3 * torch.exp(1j * torch.randn(3, *t.shape, generator=torch.Generator().manual_seed(2)).double())
    level = torch.tensor([0.5, 2.0, 3.0], dtype=torch.float64)
    y = add_interference(signal, sources, t, noise_level=level, generator=torch.Generator().manual_seed(3))
    clean = interference_at(sources, t)
    assert y.shape == (5, *t.shape)
    torch.testing.assert_close(y[:3], signal + level.reshape(-1, 1, 1) * clean[:3])
    own = (y[3:] - clean[3:]).flatten(1)
    torch.testing.assert_close(own @ own.mH / (2 * own.shape[1]), torch.eye(2).to(own), rtol=0, atol=0.03)
    heard = (own @ signal.flatten(1).mH).abs() / (own.norm() * signal.norm())
    assert float(heard.max()) < 0.02


def test_a_late_channel_hears_the_same_waveform_late() -> None:
    t = times(4)
    delay = torch.tensor([0.0, 3 * DWELL], dtype=torch.float64)
    y = interference_at((BroadBand(torch.ones(2).to(ONE), 900.0, 2e3, seed=8, delay=delay),), t)
    torch.testing.assert_close(y[1, :, 3:], y[0, :, :-3], rtol=0, atol=1e-4)  # times agree to rounding, and noise moves


def test_with_a_delay_one_factor_no_longer_fits_the_whole_band() -> None:
    delay = torch.tensor([0.0, 10e-6], dtype=torch.float64)
    y = interference_at((BroadBand(torch.ones(2).to(ONE), 0.0, 40e3, seed=9, delay=delay),), times(200)).flatten(1)
    coherence = (y[0].conj() * y[1]).sum().abs() / (y[0].norm() * y[1].norm())
    assert float(coherence) == pytest.approx(math.exp(-math.pi * 40e3 * 10e-6), abs=0.03)


def test_seeds_decide() -> None:
    t = times(5)
    first, again, other = (interference_at(drawn(seed), t) for seed in (11, 11, 12))
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert not torch.allclose(first, other)
    a, b = (interference_at((BroadBand(ONE, seed=s),), t) for s in (0, 1))
    assert float((a * b.conj()).mean().abs()) < 0.3


def test_a_line_beyond_the_band_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="outside the receiver's band"):
        interference_at((NarrowBand(ONE, 10_100.0),), times(2))


def test_wrong_input_is_refused() -> None:
    two = torch.ones(2, dtype=torch.complex128)
    with pytest.raises(ValueError, match="same number of channels"):
        interference_at((NarrowBand(ONE, 1.0), BroadBand(two)), times(2))
    with pytest.raises(ValueError, match="same number of channels"):
        interference_at((), times(2))
    with pytest.raises(ValueError, match=r"\(readout, sample\)"):
        interference_at((NarrowBand(ONE, 1.0),), times(2)[0])
    with pytest.raises(ValueError, match="between 0 and 1"):
        NarrowBand(ONE, 1.0, amplitude_modulation=(1.5, 1.0))
    with pytest.raises(ValueError, match="above 0 Hz"):
        NarrowBand(ONE, 1.0, frequency_modulation=(5.0, 0.0))
    with pytest.raises(ValueError, match="width"):
        BroadBand(ONE, width=0.0)
    with pytest.raises(ValueError, match="an entry for each channel"):
        BroadBand(two, delay=torch.zeros(3))
    with pytest.raises(ValueError, match="at least one source"):
        drawn(0, n_narrow=0, n_broad=0)
    with pytest.raises(ValueError, match="above 0"):
        drawn(0, strength=0.0)
    samples = torch.zeros(3, 2, SAMPLES, dtype=torch.complex64)
    with pytest.raises(ValueError, match="do not fit"):
        add_interference(
            samples, (NarrowBand(two, 1.0),), times(2), noise_level=torch.ones(3), generator=torch.Generator()
        )
