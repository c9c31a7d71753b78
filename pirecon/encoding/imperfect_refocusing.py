"""Echo trains whose refocusing pulses are not perfect: how much of a wrong phase survives to each echo."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from bloch.magnetisation import acquire, point_spins, timeline
from bloch.sequence import Sequence
from pirecon.encoding.maxwell_moments import MaxwellMoments

N_POINTS = 1001
REACH = 0.8
"""Of the slice's thickness to either side of its middle, where pulses still turn something."""


def with_imperfect_refocusing(moments: MaxwellMoments, sequence: Sequence) -> MaxwellMoments:
    """The phase of an echo train with stimulated echoes: a mixture of the primary path and its mirror image.

        e_n = (1 + ρ_n)/2 exp(−iφ_n) + (1 − ρ_n)/2 exp(+iφ_n) = cos φ_n − i ρ_n sin φ_n

    at the centre of echo n. The Bloch equations are linear in the magnetisation that meets the first refocusing pulse.
    Its part along the pulses' axis (CPMG) survives all of them, the part across decays where they turn by less than
    180°, as at the edges of a slice; ρ_n is the ratio of both, from one shot that is played twice to isochromats along
    the slice's normal, with the excitation as it is and turned by 90°. Left out is what concomitant fields do during
    selective pulses (they bend the slice), and that phases which differ from echo to echo, as those of phase-encoding
    lobes away from the isocentre, mix anew at every pulse: there the mixture is no better than none.

    Args:
        moments: of the primary path, from :func:`~pirecon.encoding.maxwell_moments.moments_of_sequence`.
        sequence: the same, with its encoding.

    Returns:
        MaxwellMoments with ``mirrored`` and ``share``; the given ones where the train refocuses perfectly or is none.

    Source: Meiboom and Gill, Rev Sci Instrum 29:688 (1958); Alsop, Magn Reson Med 37:176 (1997) for the two parts.
    """
    survival = surviving_part(sequence)
    if survival is None or float(survival.min()) > 1 - 1e-3:
        return moments
    n_shots = moments.moments.shape[1] // len(survival)
    share = ((1 + survival) / 2).repeat(n_shots).unsqueeze(1).float()  # (readout, 1)
    centre = moments.moments.shape[2] // 2
    mirrored = moments.moments - 2 * moments.moments[..., centre : centre + 1]
    said = f"{moments.source}; stimulated echoes leave {float(survival.min()):.2f} of a phase across the train"
    return replace(moments, mirrored=mirrored, share=share.expand(mirrored.shape[1:]), source=said)


def surviving_part(sequence: Sequence) -> Tensor | None:
    """ρ_n of every echo of a shot, float64 ``(echo,)``; None where no pulse refocuses or shots are not alike."""
    shot = _first_shot(sequence)
    n_echoes = 0 if shot is None else shot.n_readouts
    if shot is None or shot.encoding is None or sequence.n_readouts % n_echoes:
        return None
    encoding, steps = shot.encoding, timeline(shot)
    middle = (encoding.matrix[0] - 1) / 2 - encoding.matrix[0] // 2  # of an even slab, see bloch's pulse_block
    along = torch.linspace(-REACH, REACH, N_POINTS, dtype=torch.float64) * encoding.field_of_view[0]
    normal = torch.from_numpy(np.array(encoding.directions[0], dtype=np.float64))
    s = next((b.slice for b in shot.blocks if b.readout is not None), None) or 0
    place = torch.from_numpy(np.array(encoding.centres[s], dtype=np.float64)) @ normal
    position = (place + middle * encoding.voxel_size[0] + along).unsqueeze(1) * normal
    ever = torch.full((N_POINTS,), 1e6, dtype=torch.float64)
    spins = point_spins(ever, ever, position=position)
    excites = torch.zeros(len(steps.duration), dtype=torch.bool)
    uses = [b.rf.use for b in shot.blocks if b.rf is not None]
    for p in (i for i, use in enumerate(uses) if use == "excitation"):
        excites |= steps.pulse == p
    parts = []
    for turn in (1.0, 1j):
        played = acquire(spins, replace(steps, rf=torch.where(excites, steps.rf * turn, steps.rf)))
        lines = played.reshape(n_echoes, -1)
        parts.append(lines[:, lines.shape[1] // 2])
    ratio = parts[1] * parts[0].conj() / parts[0].abs().square().clamp_min(1e-24)
    sign = 1.0 - 2.0 * (torch.arange(n_echoes) % 2)  # every refocusing pulse mirrors the part across
    return (ratio * (ratio[0] / ratio[0].abs()).conj()).real.mul(sign).clamp(-1, 1)


def _first_shot(sequence: Sequence) -> Sequence | None:
    """From the last excitation before the first readout to the next one; None where nothing refocuses."""
    blocks = sequence.blocks
    excitations = [i for i, b in enumerate(blocks) if b.rf is not None and b.rf.use == "excitation"]
    readouts = [i for i, b in enumerate(blocks) if b.readout is not None]
    before = [i for i in excitations if readouts and i < readouts[0]]
    if not before:
        return None
    end = next((i for i in excitations if i > before[-1]), len(blocks))
    shot = blocks[before[-1] : end]
    if not any(b.rf is not None and b.rf.use == "refocusing" for b in shot):
        return None
    return replace(sequence, blocks=shot)
