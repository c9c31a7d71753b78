"""Scans by the simulator with interference laid over them, so that the clean scan is known sample by sample."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from bloch.play import sample_times
from bloch.rawfile import RawScan, write_mrd
from bloch.receiver import add_interference, random_sources
from bloch.receiver.interference_source import NarrowBand, Source
from bloch.scanner import Scanner
from bloch.sequence import Sequence
from bloch.simulate import Conditions, simulate
from bloch.standard.coils import CoilChoice, coils_for
from bloch.standard.encodings import ReadoutRequest, SliceRequest, encoding_for
from bloch.standard.phantoms import PhantomChoice, phantom_for
from bloch.standard.protocols import SequenceChoice, standard_protocol
from bloch.standard.sampling import SamplingRequest
from bloch.standard.sequences import Playing, sequence_for
from pirecon.rawdata import RawData, read_mrd


@dataclass(frozen=True)
class Case:
    """What disturbs a scan.

    Attributes:
        name: of the row.
        n_narrow: lines.
        n_broad: broad-band sources.
        n_sensing: sensing coils.
        strength: over thermal noise; 0 for sensing coils that hear only themselves.
        drift: turns of the receive coils' coupling phase over the scan, with a change of strength by as much again.
        leak: of the patient's signal into the sensing coils, over that of the loudest receive coil.
        signal: of the patient, over what he has.
    """

    name: str
    n_narrow: int
    n_broad: int
    n_sensing: int
    strength: float = 5.0
    drift: float = 0.0
    leak: float = 0.0
    signal: float = 1.0


@dataclass(frozen=True)
class Clean:
    """A scan without interference.

    Attributes:
        scan: with thermal noise.
        signal: of the patient alone, ``(readout, coil, sample)``.
        sequence: that was played.
    """

    scan: RawScan
    signal: np.ndarray
    sequence: Sequence

    def louder(self, factor: float) -> Clean:
        """The same scan of a patient with more signal."""
        samples = self.scan.samples + np.complex64(factor - 1) * self.signal
        return Clean(replace(self.scan, samples=samples), factor * self.signal, self.sequence)


def clean_scan(seed: int, *, matrix: int, B0: float, n_coils: int) -> Clean:
    """A gradient-echo scan of a head with thermal noise and a noise scan, and no interference."""
    coil = CoilChoice.helmet if n_coils > 1 else CoilChoice.volume
    scanner = Scanner(B0, coils_for(coil, n_coils, (0.0, 0.0, 1.0)))
    encoding = encoding_for(
        SliceRequest((1, matrix, matrix), 1, 0.25, 8e-3), SamplingRequest(), ReadoutRequest(20e3), scanner, seed=seed
    )
    phantom = phantom_for(PhantomChoice.brain, encoding, B0=B0, seed=seed)
    protocol = standard_protocol(SequenceChoice.gre, B0)
    sequence = sequence_for(protocol, encoding, scanner, playing=Playing(ideal_spoiling=True))
    scan = simulate(phantom, sequence, scanner, seed=seed)
    silent = simulate(phantom, sequence, scanner, conditions=Conditions(noise=False), seed=seed)
    return Clean(scan, silent.samples, sequence)


def disturbed(clean: Clean, case: Case, *, seed: int) -> RawScan:
    """The same scan with the same thermal noise, interference, and sensing coils beside it."""
    scan, sequence = clean.scan, clean.sequence
    heard = torch.from_numpy(np.concatenate([scan.noise, scan.samples])).movedim(1, 0)
    n_coils = len(heard)
    times = sample_times(sequence)
    n_noise = len(scan.noise)
    before = times[:1] - (torch.arange(n_noise, 0, -1, dtype=torch.float64) * 0.1).unsqueeze(1)  # as the simulator does
    times = torch.cat((before, times))
    level = torch.from_numpy(scan.truth["noise_covariance"]).diagonal().real.sqrt()
    generator = torch.Generator().manual_seed(1000 + seed)
    sources: tuple[Source, ...]
    if case.strength == 0:
        sources = (NarrowBand(torch.zeros(n_coils + case.n_sensing, dtype=torch.complex128), 0.0),)
    else:
        sources = random_sources(
            generator,
            n_narrow=case.n_narrow,
            n_broad=case.n_broad,
            n_channels=n_coils,
            n_sensing=case.n_sensing,
            strength=case.strength,
            bandwidth=1 / scan.encoding.sample_time,
        )
    silent = torch.zeros_like(heard)
    added = add_interference(silent, sources, times, noise_level=level, generator=generator)
    share = torch.linspace(0, 1, len(times), dtype=torch.float64)[:, None]
    turn = (1 + case.drift * share) * torch.polar(torch.ones_like(share), 2 * math.pi * case.drift * share)
    receive = heard + added[:n_coils] * turn  # the simulator's couplings stand still; the drift is laid on here
    sensing = added[n_coils:]
    if case.leak > 0:
        patient = torch.from_numpy(clean.signal).movedim(1, 0)
        loudest = patient.abs().square().sum(dim=(1, 2)).argmax()
        phase = 2 * math.pi * torch.rand(case.n_sensing, 1, 1, generator=generator, dtype=torch.float64)
        sensing[:, n_noise:] += case.leak * torch.polar(torch.ones_like(phase), phase) * patient[loudest]
    samples = torch.cat((receive, sensing)).movedim(0, 1).to(torch.complex64).numpy()
    return replace(scan, noise=samples[:n_noise], samples=samples[n_noise:], n_sensing=case.n_sensing)


def as_raw(scan: RawScan, folder: Path) -> RawData:
    """Through the raw file, as a user has it."""
    path = folder / "scan.h5"
    path.unlink(missing_ok=True)
    write_mrd(path, scan)
    return read_mrd(path)
