"""Interference without sensing coils: how strong it is in each column along the readout, and what can be taken out."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pirecon.algebra.fft import centred_fft, centred_ifft
from pirecon.rawdata.kspace import KSpace

DISTURBED = 4.0  # power over that of the quiet columns; nine real files without interference reached 3
OUTER = 0.25  # of the measured lines at either end, by distance from the centre
N_GROUPS = 6  # of outer lines: interference is in each, fine anatomy mostly on one side of k-space
FEWEST_SAMPLES = 32  # of a column in a group: its power is known to a fifth
FEWEST_LINES = 16
N_BANDS = 12  # of distance from k = 0, for the signal


@dataclass(frozen=True)
class ReadoutNoise:
    """Noise along the readout.

    A receiver's frequencies become places along the readout, so interference of some frequencies is noise in some
    columns of the image; it has no order from one phase-encode line to the next.

    Attributes:
        power: noise power of every column over that of the quiet columns, at least 1; float ``(x,)``.
        source: what was found, in a sentence.
    """

    power: Tensor
    source: str


def noise_along_readout(kspace: KSpace) -> ReadoutNoise:
    """Noise power of every column from what lies outside the object.

    Upper bounds, of which the smallest holds: the mean power of the outer phase-encode lines, where there is little
    signal, and of each of six groups of them, as interference is in all; where every line was measured also that of
    the quietest strip of neighbouring pixels along y, and the level that the quietest tenth of the lines or pixels of
    a column lets expect (interference spares none of them, while signal and its ringing do). All are over channels and
    slices. Columns below four times the quiet ones are given 1: anatomy alone reaches so far.

    Args:
        kspace: prewhitened; Cartesian.
    """
    columns, measured = _columns(kspace)
    bounds = _outer_groups(columns, measured)
    if bool(measured.all()):
        bounds.append(_quiet_tenth(columns))
    if bool(measured.all()) and measured.shape[-1] >= 32:
        image = centred_ifft(columns, (-2,))
        power = image.abs().square().flatten(0, -3).mean(dim=0)  # (y, x)
        width = max(6, power.shape[0] // 12)
        power = torch.cat((power, power[: width - 1]))  # air at both ends of the field of view is one strip
        bounds += [power.unfold(0, width, 1).mean(dim=-1).min(dim=0).values, _quiet_tenth(image)]
    if measured.shape[-2] * measured.shape[-1] < FEWEST_LINES:
        return ReadoutNoise(torch.ones_like(bounds[0]), f"fewer than {FEWEST_LINES} lines cannot tell interference")
    return judged(torch.stack(bounds).min(dim=0).values, "outer lines")


def outer_power(kspace: KSpace) -> Tensor:
    """Power of every column in the outer lines, the least of all of them and of each group of neighbours, ``(x,)``.

    Args:
        kspace: prewhitened; Cartesian.
    """
    return torch.stack(_outer_groups(*_columns(kspace))).min(dim=0).values


def judged(power: Tensor, where: str) -> ReadoutNoise:
    """Power over the quiet columns' where that is interference, else 1.

    Args:
        power: of the noise of every column, or an upper bound, ``(x,)``.
        where: what it was measured in, for ``source``.
    """
    quiet = power.quantile(0.25).clamp(min=torch.finfo(power.dtype).tiny)
    relative = power / quiet
    disturbed = relative > DISTURBED
    if not bool(disturbed.any()):
        return ReadoutNoise(
            torch.ones_like(power), f"no interference along the readout above four times the noise ({where})"
        )
    loudest = float(10 * relative.max().log10())
    source = (
        f"{int(disturbed.sum())} of {len(power)} columns hold interference, up to {loudest:.1f} dB over the others "
        f"({where})"
    )
    return ReadoutNoise(torch.where(disturbed, relative, torch.ones_like(relative)), source)


def remove_line_noise(kspace: KSpace, noise: ReadoutNoise | None = None) -> tuple[KSpace, ReadoutNoise]:
    """Subtract the expected interference of disturbed columns, as far as no signal can have its strength.

        y'(ky, x) = y(ky, x) (1 − I(x) / (I(x) + 1 + V(ky))),   I = power − 1

    in units of the quiet columns' noise. V(ky) is the power of the signal in the *strongest* undisturbed column at that
    distance from k = 0: where any column may hold signal like the interference, little is taken. Undisturbed columns,
    and so scans without interference, stay exactly as they are. In a disturbed column fine detail below the
    interference is lost along y; reconstructions that weigh columns by :class:`ReadoutNoise` need no removal.

    Args:
        kspace: prewhitened; Cartesian.
        noise: None measures it.

    Returns:
        k-space of the same scale, and the noise before removal.

    Source: Wiener N., Extrapolation, Interpolation, and Smoothing of Stationary Time Series (1949).
    """
    noise = noise_along_readout(kspace) if noise is None else noise
    disturbed = noise.power > 1
    if not bool(disturbed.any()):
        return kspace, noise
    columns, measured = _columns(kspace)
    quiet = _outer_lines(columns, measured)[~disturbed]
    if len(quiet) == 0:
        return kspace, replace(noise, source=noise.source + "; nothing was removed, as no column is quiet")
    floor = quiet.quantile(0.25).clamp(min=torch.finfo(quiet.dtype).tiny)
    signal = _strongest_signal(columns[..., ~disturbed], measured, kspace) / floor  # (kz, ky)
    excess = noise.power - 1
    share = excess / (excess + 1 + signal.unsqueeze(-1))
    cleaned = columns * (1 - share).to(columns.real)
    data = centred_fft(cleaned, (-1,)).to(kspace.data) * (kspace.weights > 0)
    return replace(kspace, data=data), replace(noise, source=noise.source + "; what exceeds any signal was removed")


def _quiet_tenth(values: Tensor) -> Tensor:
    """Mean power if it is exponentially distributed, from its lowest tenth, ``(batch, coil, z, y, x)`` to ``(x,)``."""
    tenth = values.abs().square().flatten(2, 3).quantile(0.1, dim=2)
    return tenth.mean(dim=(0, 1)) / -math.log(0.9)


def _columns(kspace: KSpace) -> tuple[Tensor, Tensor]:
    """Hybrid space ``(batch, coil, kz, ky, x)`` and which lines were measured ``(batch, kz, ky)``."""
    shape = kspace.data.shape
    columns = centred_ifft(kspace.data.reshape(-1, *shape[-4:]), (-1,))
    weights = kspace.weights.expand(*shape[:-4], 1, *shape[-3:]).reshape(-1, *shape[-3:])
    return columns, (weights > 0).any(dim=-1)


def _distance(kspace: KSpace) -> Tensor:
    """From k = 0, of every line ``(kz, ky)``, 0 to 1 and beyond in the corners."""
    n_z, n_y = kspace.data.shape[-3:-1]
    z, y = ((torch.arange(n) - n // 2) / max(1, n // 2) for n in (n_z, n_y))
    return (z[:, None].square() + y[None, :].square()).sqrt().to(kspace.data.device)


def _outer_lines(columns: Tensor, measured: Tensor) -> Tensor:
    """Mean power of the lines furthest from the strongest one, ``(x,)``."""
    return _of_outer_lines(columns, measured).mean(dim=0)


def _outer_groups(columns: Tensor, measured: Tensor) -> list[Tensor]:
    """Mean power of the outer lines, and of each group of neighbours among them at the same scale, ``(x,)`` each."""
    lines = _of_outer_lines(columns, measured)
    overall = lines.mean(dim=0)
    n = min(N_GROUPS, len(lines) * columns.shape[1] // FEWEST_SAMPLES)
    groups = [group.mean(dim=0) for group in lines.tensor_split(n)] if n > 1 else []
    tiny = torch.finfo(overall.dtype).tiny
    # Stored data are often filtered: corners of k-space are quieter in all columns alike.
    return [overall, *(g * (overall.quantile(0.25) / g.quantile(0.25).clamp(min=tiny)) for g in groups)]


def _of_outer_lines(columns: Tensor, measured: Tensor) -> Tensor:
    """Power of the lines furthest from the strongest one, ``(line, x)``, ordered by place in k-space."""
    power = columns.abs().square().mean(dim=1)  # (batch, kz, ky, x)
    energy = (power.median(dim=-1).values * measured).sum(dim=0)
    z, y = divmod(int(energy.argmax()), energy.shape[1])
    n_z, n_y = energy.shape
    dz = (torch.arange(n_z, device=power.device) - z) / n_z
    dy = (torch.arange(n_y, device=power.device) - y) / n_y
    far = (dz[:, None].square() + dy[None, :].square()).sqrt().expand(measured.shape)
    limit = far[measured].quantile(1 - 2 * OUTER) if bool(measured.any()) else far.max()
    return power.movedim(0, 2)[(measured & (far >= limit)).movedim(0, 2)]


def _strongest_signal(quiet: Tensor, measured: Tensor, kspace: KSpace) -> Tensor:
    """Power of the strongest undisturbed column in each band of distance from k = 0, ``(kz, ky)``."""
    distance = _distance(kspace)
    band = (distance * N_BANDS).long().clamp(max=N_BANDS)
    power = quiet.abs().square().mean(dim=1)  # (batch, kz, ky, x)
    strongest = torch.zeros_like(distance, dtype=power.dtype)
    for b in band.unique():
        chosen = (band == b) & measured
        if bool(chosen.any()):
            strongest[band == b] = power[chosen].mean(dim=0).max()
    return strongest
