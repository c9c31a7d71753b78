"""The fast engine: what every pool of spins, or every coil, shows at every sample."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from bloch.magnetisation.blocks import LANES
from bloch.magnetisation.chunks import chunks_of, in_threads
from bloch.magnetisation.differentiable import SAMPLES_AT_ONCE, magnetisation_rows
from bloch.magnetisation.spins import Spins, check_spins, select, subdivide
from bloch.magnetisation.stretches import Stretches, separated, stretches
from bloch.magnetisation.sufficiency import warn_of_aliasing
from bloch.magnetisation.timeline import Timeline
from bloch.receiver.coil_array import Vector

if TYPE_CHECKING:
    from bloch.magnetisation.compiled_scan import CompiledScan

Progress = Callable[[float], None]
ALONG_Z: Vector = (0.0, 0.0, 1.0)

MOST_KEPT = 2**23
"""Bytes of pulses and phasors that a thread keeps; more would be fetched from slow memory."""


@dataclass(frozen=True, eq=False)
class SensitivityStates:
    """Coils as a moving object meets them: the spins keep their index, and what a coil hears of them changes.

    Attributes:
        maps: complex ``(state, coil, spin)``.
        state: which of the maps holds for a sample, int64 ``(sample,)``.
    """

    maps: Tensor
    state: Tensor


def acquire(  # noqa: PLR0913 (what moves, what plays, what listens and what may be spent)
    spins: Spins,
    timeline: Timeline,
    *,
    sensitivities: Tensor | SensitivityStates | None = None,
    n_isochromats: int = 1,
    memory: int = 2**29,
    B0: float | None = None,
    B0_direction: Vector = ALONG_Z,
    progress: Progress | None = None,
) -> Tensor:
    """What the coils receive.

        signal_c(t) = exp(−i receiver phase) Σ_spins S_c M+(t)

    Args:
        spins: pools, each replaced by ``n_isochromats``.
        timeline: steps.
        sensitivities: S, complex ``(coil, spin)``, or one map for each state of a moving object; None for one coil that
            hears all spins alike.
        n_isochromats: in a pool; see :func:`bloch.magnetisation.sufficiency.isochromats_needed`.
        memory: bytes to work in, besides arguments and result (and, for gradients, the graph).
        B0, B0_direction: for the concomitant field, where the timeline has products of gradients.
        progress: called with the fraction that is done.

    Returns:
        Complex ``(coil, sample)``; dtype and device follow the spins.

    Raises:
        ValueError: shapes do not fit, a tissue is not physical, or ``n_isochromats`` is below 1.

    Warns:
        UserWarning: too few isochromats; says how many are needed.
    """
    coils = _as_states(sensitivities, spins, timeline)
    scan = _scan(spins, timeline, n_isochromats, memory, B0, B0_direction)
    total = torch.zeros((), device=spins.T1.device)
    compiled = scan.is_compiled and (coils is None or _is_plain(coils.maps))
    for chunk, part in (_listen_compiled if compiled else _listen)(scan, coils):
        total = total + part
        if progress is not None:
            progress(chunk.stop / len(spins))
    return (total * _receiver_phasor(timeline, total)).to(spins.transmit.dtype)


def magnetisation_at_samples(
    spins: Spins,
    timeline: Timeline,
    *,
    n_isochromats: int = 1,
    memory: int = 2**29,
    B0: float | None = None,
    B0_direction: Vector = ALONG_Z,
    progress: Progress | None = None,
) -> Tensor:
    """Transverse magnetisation of every pool at every sample, as the receiver's phase turns it.

        exp(−i receiver phase) Σ_isochromats M+(t)

    Args:
        spins: pools, each replaced by ``n_isochromats``.
        timeline: steps.
        n_isochromats: in a pool; see :func:`bloch.magnetisation.sufficiency.isochromats_needed`.
        memory: bytes to work in, besides arguments and result (and, for gradients, the graph).
        B0, B0_direction: for the concomitant field, where the timeline has products of gradients.
        progress: called with the fraction that is done.

    Returns:
        Complex ``(spin, sample)``; dtype and device follow the spins.

    Raises:
        ValueError: a tissue is not physical, or ``n_isochromats`` is below 1.

    Warns:
        UserWarning: too few isochromats; says how many are needed.
    """
    scan = _scan(spins, timeline, n_isochromats, memory, B0, B0_direction)
    if scan.is_compiled:
        found = torch.empty(len(spins), timeline.n_samples, dtype=spins.transmit.dtype)
        for chunk, _ in _record_compiled(scan, found):
            if progress is not None:
                progress(chunk.stop / len(spins))
        return found
    parts = []
    for chunk in _chunks(scan):
        parts.append(torch.cat(list(_pool_rows(scan, chunk))).T)
        if progress is not None:
            progress(chunk.stop / len(spins))
    return torch.cat(parts) * _receiver_phasor(timeline, spins.transmit)


@dataclass(frozen=True, eq=False)
class _Scan:
    """Checked input, and how it is cut."""

    spins: Spins
    timeline: Timeline
    parts: Stretches
    n_isochromats: int
    memory: int
    field: tuple[float | None, Vector]
    is_compiled: bool


def _scan(
    spins: Spins, timeline: Timeline, n_isochromats: int, memory: int, B0: float | None, B0_direction: Vector
) -> _Scan:
    check_spins(spins)
    if n_isochromats < 1:
        raise ValueError(f"a pool needs at least 1 isochromat, not {n_isochromats}")
    if memory < 1:
        raise ValueError(f"memory is a number of bytes above 0, not {memory}")
    warn_of_aliasing(spins, timeline, n_isochromats)
    whole = separated(timeline)
    tensors = [v for noun in (spins, whole) for v in vars(noun).values() if isinstance(v, Tensor)]
    is_compiled = all(_is_plain(v) for v in tensors)
    return _Scan(spins, whole, stretches(whole), n_isochromats, memory, (B0, B0_direction), is_compiled)


def _is_plain(values: Tensor) -> bool:
    """On the CPU, and nobody asks for a derivative."""
    return values.device.type == "cpu" and not (values.requires_grad and torch.is_grad_enabled())


def _compiled(scan: _Scan, n_threads: int) -> CompiledScan:
    from bloch.magnetisation.compiled_scan import compiled_scan  # here, for numba takes a third of a second to import

    return compiled_scan(
        scan.timeline,
        scan.parts,
        dtype=scan.spins.T1.dtype,
        n_isochromats=scan.n_isochromats,
        memory=min(scan.memory // (4 * n_threads), MOST_KEPT),
        field=scan.field,
    )


def _listen_compiled(scan: _Scan, coils: SensitivityStates | None) -> Iterator[tuple[slice, Tensor]]:
    from bloch.magnetisation.compiled_scan import bytes_of_voxel, heard

    n_maps, n_coils = (0, 1) if coils is None else coils.maps.shape[:2]
    signal = 16 * n_coils * scan.timeline.n_samples  # bytes; of every chunk that is at work or waits
    n_threads = max(min(torch.get_num_threads(), scan.memory // (4 * signal)), 1)
    run = _compiled(scan, n_threads)

    def work(chunk: slice) -> Tensor:
        maps = None if coils is None else coils.maps[..., chunk].detach()
        return heard(run, select(scan.spins, chunk), maps, None if coils is None else coils.state)

    each = bytes_of_voxel(run) + 2 * n_maps * n_coils * scan.spins.transmit.dtype.itemsize
    yield from in_threads(work, _voxel_chunks(scan, each, n_threads), n_threads)


def _record_compiled(scan: _Scan, found: Tensor) -> Iterator[tuple[slice, None]]:
    from bloch.magnetisation.compiled_scan import bytes_of_voxel, record

    n_threads = torch.get_num_threads()
    run = _compiled(scan, n_threads)
    phasor = torch.view_as_real(_receiver_phasor(scan.timeline, torch.zeros((), dtype=torch.complex128))).numpy()

    def work(chunk: slice) -> None:
        record(run, select(scan.spins, chunk), phasor, found[chunk])

    yield from in_threads(work, _voxel_chunks(scan, bytes_of_voxel(run), n_threads), n_threads)


def _voxel_chunks(scan: _Scan, bytes_each: int, n_threads: int) -> list[slice]:
    # Sixteenths keep threads busy to the end, and do not depend on their number, nor does the order of sums.
    n = len(scan.spins)
    return chunks_of(
        n, bytes_each=bytes_each, memory=scan.memory // (2 * n_threads), most=max(-(-n // 16), LANES), multiple=LANES
    )


def _listen(scan: _Scan, coils: SensitivityStates | None) -> Iterator[tuple[slice, Tensor]]:
    for chunk in _chunks(scan):
        yield chunk, _heard(_pool_rows(scan, chunk), coils, chunk)


def _chunks(scan: _Scan) -> list[slice]:
    each = (SAMPLES_AT_ONCE * 64 + 1024) * scan.n_isochromats
    return chunks_of(len(scan.spins), bytes_each=each, memory=scan.memory, most=len(scan.spins))


def _pool_rows(scan: _Scan, chunk: slice) -> Iterator[Tensor]:
    """Magnetisation of pools, ``(a few samples, spin)``."""
    n, (B0, direction) = scan.n_isochromats, scan.field
    points = subdivide(select(scan.spins, chunk), n) if n > 1 else select(scan.spins, chunk)
    for rows in magnetisation_rows(points, scan.timeline, scan.parts, B0=B0, B0_direction=direction):
        yield rows.reshape(len(rows), n, chunk.stop - chunk.start).sum(1)


def _heard(rows: Iterator[Tensor], coils: SensitivityStates | None, chunk: slice) -> Tensor:
    """Σ_spins S_c M+, ``(coil, sample)``."""
    found, first = [], 0
    for M in rows:
        if coils is None:
            found.append(M.sum(1)[None])
        else:
            state = coils.state[first : first + len(M)]
            runs, lengths = torch.unique_consecutive(state, return_counts=True)
            for s, part in zip(runs.tolist(), M.split(lengths.tolist()), strict=True):
                found.append(coils.maps[s, :, chunk].to(M) @ part.T)
        first += len(M)
    return torch.cat(found, dim=1)


def _receiver_phasor(timeline: Timeline, like: Tensor) -> Tensor:
    phase = timeline.receiver_phase.to(like.device)
    return torch.polar(torch.ones_like(phase), -phase).to(like.dtype)


def _as_states(
    sensitivities: Tensor | SensitivityStates | None, spins: Spins, timeline: Timeline
) -> SensitivityStates | None:
    if sensitivities is None:
        return None
    if isinstance(sensitivities, Tensor):
        still = torch.zeros(timeline.n_samples, dtype=torch.int64)
        sensitivities = SensitivityStates(sensitivities[None], still)
    maps, state = sensitivities.maps, sensitivities.state
    if maps.ndim != 3 or maps.shape[-1] != len(spins) or not maps.is_complex():
        raise ValueError(
            f"sensitivities must be complex (coil, spin) or (state, coil, spin) with {len(spins)} spins, but are "
            f"{maps.dtype} of shape {tuple(maps.shape)}; were they made at the positions of these spins?"
        )
    if state.shape != (timeline.n_samples,) or bool(((state < 0) | (state >= len(maps))).any()):
        raise ValueError(
            f"SensitivityStates.state must name one of {len(maps)} maps for each of {timeline.n_samples} samples, but "
            f"has shape {tuple(state.shape)}"
        )
    return sensitivities
