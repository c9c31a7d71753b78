"""A scan from phantom to raw data. Read this file first: it is the simulator's way on about a page."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from bloch.excitation_window import check_in_view, is_selective, spins_of_slice
from bloch.magnetisation.spins import Spins
from bloch.magnetisation.spins_of_phantom import spins_of
from bloch.phantom import MapPhantom, Phantom
from bloch.play import Progress, play, sample_times
from bloch.rawfile import RawScan
from bloch.receiver import (
    add_interference,
    head_body,
    noise_covariance_density,
    signal_factor,
    volume_coil,
    warn_of_deaf_coils,
)
from bloch.receiver.interference_source import Source
from bloch.receiver.measurement import sensitivity_maps
from bloch.reception import TRUTH, channel_gains, mean_signal_over_noise, thermal_noise
from bloch.scanner import Scanner
from bloch.sequence import Encoding, Line, Protocol, Sequence
from bloch.sequence.trajectory import trajectory
from bloch.truth import cartesian_image, encoded_maps


@dataclass(frozen=True)
class Conditions:
    """What a scan is simulated with, apart from phantom, sequence and scanner.

    Attributes:
        noise: thermal noise, from first principles at this field, and a noise scan.
        snr: of a voxel; scales the noise such that ``TRUTH["snr"]`` is this. None leaves it to physics.
        noise_seed: of noise and the course of interference alone, so that several scans of one head by one receiver
            have noise of their own; None lets both follow from the seed of the scan.
        variation: strength of what differs from scan to scan: texture of tissues, gains of the channels; 0 is none.
        interference: what the coils hear of the surroundings.
        concomitant: fields that Maxwell's equations add to gradients; they grow as 1/B0.
        n_isochromats: in each pool; None for as many as the sequence needs, up to 64.
        memory: that the simulation may take at once, bytes.
    """

    noise: bool = True
    snr: float | None = None
    noise_seed: int | None = None
    variation: float = 1.0
    interference: tuple[Source, ...] = ()
    concomitant: bool = True
    n_isochromats: int | None = None
    memory: int = 2**30

    def __post_init__(self) -> None:
        if self.snr is not None and not (self.noise and 0 < self.snr < math.inf):
            asked = f"{self.snr}" if self.noise else f"{self.snr} without noise"
            raise ValueError(f"the SNR must be a number above 0 in a scan with noise, but {asked} was asked for")


def simulate(
    phantom: Phantom | MapPhantom,
    sequence: Sequence,
    scanner: Scanner,
    *,
    conditions: Conditions | None = None,
    full: Sequence | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> RawScan:
    """Play a sequence to a phantom: every isochromat precesses, relaxes and is turned as the Bloch equations have it.

        y_c(t) = g_c Σ_r S_c(r) M+(r, t) ΔV / (V √N) + n_c(t)

    with the volume V and the number N of encoded voxels, so that an orthonormal Fourier sum over the encoded matrix
    gives S M back. Every slice is simulated with the pulses that are meant for it, on the spins in its profile.

    Args:
        phantom: the object; its voxel ``n // 2`` lies at the origin, its x, y, z run to the patient's L, P, S.
        sequence: with its encoding.
        scanner: field and coils.
        conditions: noise, interference, accuracy.
        full: the same scan with every Cartesian line, played to an ideal coil for the truth's image; a sequence
            that measures every line needs none.
        seed: the same seed gives the same data.
        progress: called with the share that is done.

    Returns:
        RawScan, with the truth.

    Raises:
        ValueError: the sequence has no encoding or no readouts, or nothing of the phantom lies where it measures.
    """
    encoding, protocol, lines = _plan_of(sequence)
    conditions = conditions or Conditions()
    generator = torch.Generator().manual_seed(seed)
    texture = generator if conditions.variation > 0 else None
    spins = spins_of(phantom, scanner.B0, generator=texture, texture=conditions.variation)
    selective, is_cylinder = is_selective(sequence), phantom.matrix[0] == 1
    check_in_view(spins, encoding, is_cylinder=is_cylinder)
    warn_of_deaf_coils(scanner.array, B0_direction=scanner.B0_direction)
    slices = [
        spins_of_slice(spins, encoding, s, selective=selective, is_cylinder=is_cylinder)
        for s in range(len(encoding.centres))
    ]
    signals = play(slices, sequence, scanner, motion=phantom.motion, conditions=conditions, progress=progress)
    signals = signals / _scale(encoding)
    gains = channel_gains(scanner.array.n_coils, variation=conditions.variation, generator=generator)
    ideal, ideal_lines = signals[:, -1], lines
    if full is not None:
        _, _, ideal_lines = _plan_of(full)
        one_coil = replace(scanner, array=volume_coil(B0_direction=scanner.B0_direction))
        heard = play(slices, full, one_coil, motion=phantom.motion, conditions=conditions, progress=progress)
        ideal = heard[:, -1] / _scale(encoding)
    encoding_of_image = encoding if full is None else full.encoding or encoding
    truth = _truth(
        ideal, slices, ideal_lines, scanner=scanner, encoding=encoding_of_image, gains=gains, wanted=conditions
    )
    Psi, times = torch.from_numpy(truth["noise_covariance"]), sample_times(sequence)
    if conditions.noise_seed is not None:
        generator = torch.Generator().manual_seed(conditions.noise_seed)
    noise, samples = _record(gains.unsqueeze(1) * signals[:, :-1], Psi, times, encoding, conditions, generator)
    path = None if encoding.trajectory in ("cartesian", "epi") else trajectory(sequence).astype(np.float32)
    return RawScan(
        encoding,
        protocol,
        scanner.B0,
        lines,
        samples,
        noise,
        truth,
        TRUTH,
        times=times[:, 0].numpy(),
        trajectory=path,
        n_sensing=samples.shape[1] - scanner.array.n_coils,
    )


def _scale(encoding: Encoding) -> float:
    """V √N: an orthonormal Fourier sum of signals over this gives sensitivity times magnetisation."""
    return math.prod(encoding.voxel_size) * math.sqrt(math.prod(encoding.matrix))


def _truth(
    ideal: Tensor,
    slices: list[Spins],
    lines: tuple[Line, ...],
    *,
    scanner: Scanner,
    encoding: Encoding,
    gains: Tensor,
    wanted: Conditions,
) -> dict[str, np.ndarray]:
    """The side group of the raw file, see ``TRUTH``; ``ideal`` are the readouts of a coil of sensitivity 1."""
    maps = gains.reshape(-1, 1, 1, 1) * sensitivity_maps(scanner, encoding)
    truth = encoded_maps(slices, encoding) | {"sensitivity_maps": maps.to(torch.complex64).numpy()}
    image = cartesian_image(ideal, lines, encoding)
    if image is not None:
        truth["image"] = image.to(torch.complex64).numpy()
    else:  # the object's mean is known from the centre of k-space, its shape from its protons
        protons = max(float(spins.equilibrium.sum()) for spins in slices) / _scale(encoding)
        image = torch.from_numpy(truth["proton_density"]) * (float(ideal.abs().max()) / protons)
    volts = noise_covariance_density(
        scanner.array,
        scanner.B0,
        body=scanner.body or head_body(),
        crossover_field=scanner.crossover_field,
        noise_figure=scanner.noise_figure,
    )
    Psi = gains.unsqueeze(1) * volts * gains.conj()
    Psi = Psi / (encoding.sample_time * (signal_factor(scanner.B0) * _scale(encoding)) ** 2)
    # Oversampling widens the receiver's band: more noise in a sample, the same noise in the image.
    snr = mean_signal_over_noise(image, maps, Psi) * math.sqrt(encoding.oversampling)
    if wanted.snr is not None:
        Psi, snr = Psi * (snr / wanted.snr) ** 2, wanted.snr
    return truth | {"noise_covariance": Psi.numpy(), "snr": np.array(snr if wanted.noise else np.inf)}


def _plan_of(sequence: Sequence) -> tuple[Encoding, Protocol, tuple[Line, ...]]:
    """What a raw file needs to know of a sequence."""
    readouts = [b.readout for b in sequence.blocks if b.readout is not None]
    lines = tuple(r.label for r in readouts if r.label is not None)
    if sequence.encoding is None or sequence.protocol is None or not readouts or len(lines) < len(readouts):
        raise ValueError(
            f"a scan needs to know what it measures: the sequence has {len(readouts)} readouts, {len(lines)} of them "
            f"with a label, encoding: {sequence.encoding is not None}, protocol: {sequence.protocol is not None}. "
            "Build it with bloch.sequence's builders, or give a read file its encoding and labels"
        )
    lengths = sorted({r.n_samples for r in readouts})
    if len(lengths) > 1:
        raise ValueError(f"all readouts of a scan need the same number of samples, but they have {lengths}")
    return sequence.encoding, sequence.protocol, lines


def _record(
    signals: Tensor, Psi: Tensor, times: Tensor, encoding: Encoding, conditions: Conditions, generator: torch.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Add noise and interference: noise scan and samples, complex64 (readout, coil, sample)."""
    n_noise = encoding.noise_readouts if conditions.noise else 0
    shape = (n_noise + len(signals), signals.shape[2])
    silence = torch.zeros(n_noise, *signals.shape[1:], dtype=signals.dtype)
    heard = torch.cat((silence, signals)).to(torch.complex128)
    if conditions.noise:
        heard = heard + thermal_noise(Psi, shape, generator=generator)
    if conditions.interference:
        before = times[:1] - (torch.arange(n_noise, 0, -1, dtype=torch.float64) * 0.1).unsqueeze(1)  # s
        level = Psi.diagonal().real.sqrt()
        heard = add_interference(
            heard.movedim(1, 0),
            conditions.interference,
            torch.cat((before, times)),
            noise_level=level,
            generator=generator,
        ).movedim(0, 1)
    found = heard.to(torch.complex64).numpy()
    return found[:n_noise], found[n_noise:]
