"""Scans that ``bloch`` plays pulse by pulse, without noise: k-space with everything in it, and the image behind it."""

from __future__ import annotations

import math
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bloch import (
    Conditions,
    Encoding,
    Phantom,
    Protocol,
    RawScan,
    Scanner,
    Sequence,
    loop_array,
    simulate,
    volume_coil,
    write_mrd,
)
from bloch.phantom import magnet_field_map, random_brain_slice, random_magnet
from bloch.sequence import TRANSAXIAL, fully_sampled, random_protocol
from bloch.standard.sequences import Playing, sequence_for
from bloch.tissue import GYROMAGNETIC_RATIO, tissues_at
from pirecon.algebra.fft import centred_fft
from pirecon.rawdata import read_mrd, sort_kspace
from pirecon.training.scans.anatomy import draw_field_strength
from pirecon.training.scans.simulation import bandlimited, object_level

FIELD_OF_VIEW = 0.25  # m
THICKNESS = 5e-3  # m
QUIET = Conditions(noise=False, variation=0.0)
COILS = (1, 1, 2, 4, 8)


def play_scan(
    number: int, *, matrix: int, field_strength: tuple[float, float], inhomogeneity: float
) -> dict[str, Tensor]:
    """Play scan ``number`` of a random head, protocol, field and coil array.

    Echo trains blur, slices of tissue saturate, fat shifts, the magnet bends and the refocusing pulses are what they
    are. The truth has the signal that each tissue has when the centre of k-space is measured, without all that.

    Args:
        number: another number is another scan.
        matrix: lines and columns.
        field_strength: range of B0, T.
        inhomogeneity: of the magnet, ppm peak to peak over a sphere of 20 cm.

    Returns:
        "signal" ``(coil, 1, ky, kx)``, "maps" ``(coil, 1, y, x)`` with unit root-sum-of-squares, both white as the
        coils' noise would be, and "truth" ``(1, y, x)`` with mean 1 over the object; complex64.
    """
    generator = torch.Generator().manual_seed(1_000_003 * number + 5)
    B0 = draw_field_strength(field_strength, generator)
    n_coils = COILS[int(torch.randint(len(COILS), (), generator=generator))]
    scanner = Scanner(B0, volume_coil() if n_coils == 1 else loop_array(n_coils))
    encoding = Encoding(
        (1, matrix, matrix),
        (THICKNESS, FIELD_OF_VIEW, FIELD_OF_VIEW),
        np.zeros((1, 3)),
        TRANSAXIAL,
        fully_sampled((1, matrix)),
    )
    protocol, sequence = _playable(generator, encoding, scanner)
    phantom = random_brain_slice(generator, matrix=(2 * matrix, 2 * matrix), field_of_view=FIELD_OF_VIEW)
    magnet = random_magnet(generator, inhomogeneity)
    field = magnet_field_map(magnet, phantom.matrix, phantom.voxel_size)
    phantom = Phantom(phantom.fractions, phantom.tissues, phantom.voxel_size, field_offset=field)
    played = simulate(phantom, sequence, scanner, conditions=QUIET, seed=number)
    return scan_and_truth(played, ideal_image(phantom, protocol, sequence, scanner=scanner, matrix=matrix))


def _playable(generator: torch.Generator, encoding: Encoding, scanner: Scanner) -> tuple[Protocol, Sequence]:
    """The first protocol drawn that this scanner can play."""
    refusal = ValueError("no protocol was tried")
    for _ in range(50):
        protocol = random_protocol(generator, scanner.B0)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # an echo time that is moved to the nearest of the train is fine here
                return protocol, sequence_for(protocol, encoding, scanner, playing=Playing(selective=False))
        except ValueError as error:
            refusal = error
    raise refusal


def ideal_image(phantom: Phantom, protocol: Protocol, sequence: Sequence, *, scanner: Scanner, matrix: int) -> Tensor:
    """Image of an ideal coil whose tissues all along have the signal of k = 0, complex64 ``(y, x)``.

        m(r) = Σ_t f_t(r) M_t exp(−2πi δf(r) TE),   the phase for gradient echoes alone

    M_t is played: a single voxel of tissue t at the origin, where no gradient acts, read when the line ky = 0 is.
    """
    table = tissues_at(scanner.B0)
    shown = [
        float(part.max()) > 0 and table[name].proton_density > 0
        for part, name in zip(phantom.fractions, phantom.tissues, strict=True)
    ]
    silent = torch.zeros((), dtype=torch.complex64)
    signals = torch.stack(
        [_signal(name, sequence, scanner) if yes else silent for name, yes in zip(phantom.tissues, shown, strict=True)]
    )
    image = torch.einsum("tyx,t->yx", phantom.fractions[:, 0].to(signals.dtype), signals)
    if "gradient_echo" in protocol.name and phantom.field_offset is not None:
        hertz = phantom.field_offset[0].double() * 1e-6 * GYROMAGNETIC_RATIO * scanner.B0
        echo_time = sequence.protocol.echo_time if sequence.protocol is not None else protocol.echo_time
        image = image * torch.polar(torch.ones_like(hertz), -2 * math.pi * hertz * echo_time).to(image)
    return bandlimited(image, (matrix, matrix))


def _signal(tissue: str, sequence: Sequence, scanner: Scanner) -> Tensor:
    encoding = sequence.encoding
    assert encoding is not None  # sequence_for builds with one
    voxel = Phantom(torch.ones(1, 1, 1, 1), (tissue,), encoding.voxel_size)
    one_coil = Scanner(scanner.B0, volume_coil())
    image = torch.from_numpy(simulate(voxel, sequence, one_coil, conditions=QUIET).truth["image"])[0, 0]
    kspace = centred_fft(image, (-2, -1))
    return kspace[image.shape[0] // 2, image.shape[1] // 2] * math.sqrt(image.numel())


def scan_and_truth(played: RawScan, image: Tensor) -> dict[str, Tensor]:
    """The played samples on their grid, whitened, with maps and truth; see :func:`play_scan`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "raw.h5"
        write_mrd(path, played)
        kspace = sort_kspace(read_mrd(path)).data  # (coil, 1, ky, kx)
    Psi = torch.from_numpy(played.truth["noise_covariance"]).to(torch.complex128)
    whiten = torch.linalg.inv(torch.linalg.cholesky(Psi)).to(torch.complex64)
    coils = torch.einsum("dc,czyx->dzyx", whiten, torch.from_numpy(played.truth["sensitivity_maps"][0]))
    signal = torch.einsum("dc,czyx->dzyx", whiten, kspace.reshape(-1, 1, *kspace.shape[-2:]))
    combined = coils.abs().square().sum(0).sqrt()
    truth = image * combined
    level = object_level(truth.abs())
    # A sorted line of an oversampled readout has √oversampling times the amplitude of what was simulated.
    gain = math.sqrt(played.encoding.oversampling)
    return {"signal": signal / (gain * level), "maps": coils / combined, "truth": truth / level}
