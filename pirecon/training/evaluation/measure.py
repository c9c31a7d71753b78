"""What every method makes of one scan of a benchmark, measured once and kept."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from pirecon.algebra.fft import centred_fft, centred_ifft, crop_or_pad_centre
from pirecon.classical import l1_wavelet, total_variation
from pirecon.classical.total_variation import DEFAULT_STRENGTH as TV_STRENGTH
from pirecon.classical.wavelet import DEFAULT_STRENGTH as WAVELET_STRENGTH
from pirecon.encoding import CartesianSense
from pirecon.methods import CLASSICAL
from pirecon.report.metrics import ImageMetrics, image_metrics
from pirecon.training.evaluation.benchmark import Case, scan_case
from pirecon.training.evaluation.oracle import tune_strength
from pirecon.training.scans.simulation import Scan
from pirecon.training.scans.whole_cache import code_digest
from pirecon.unrolled import UnrolledNetwork, load_checkpoint
from pirecon.unrolled.checkpoint import find_checkpoint

TUNED = {"wavelet-oracle": (l1_wavelet, WAVELET_STRENGTH), "tv-oracle": (total_variation, TV_STRENGTH)}
LEARNED_CODE = (
    *("pirecon/algebra", "pirecon/encoding", "pirecon/priors"),
    *("pirecon/report/metrics.py", "pirecon/unrolled"),
)
CLASSICAL_CODE = ("pirecon/algebra", "pirecon/classical", "pirecon/encoding", "pirecon/report/metrics.py")


@dataclass(frozen=True)
class Measured:
    """One method on one scan.

    Attributes:
        metrics: of the magnitude over the whole image, against the truth.
        strength: that the oracle chose; 0 for other methods.
    """

    metrics: ImageMetrics
    strength: float = 0.0


@dataclass(frozen=True)
class CaseResult:
    """All methods on one scan."""

    coils: tuple[int, int]
    acceleration: float
    snr: float
    super_resolution: int
    image: str
    n_coils: int
    matrix: tuple[int, int]
    methods: dict[str, Measured]


def measure_case(case: Case, methods: tuple[str, ...], *, networks: dict[str, str], cache: str) -> CaseResult:
    """Scan, reconstruct by every method and compare with the truth.

    What is in the cache for the same samples, code and weights is not computed again: a new checkpoint leaves the
    classical methods' results as they are.

    Args:
        case: what to scan.
        methods: names of ``networks`` and of ``CLASSICAL_METHODS``.
        networks: checkpoints by name.
        cache: folder of finished measurements.
    """
    scan = scan_case(case)
    path = Path(cache) / f"{_digest(scan)}.json"
    kept: dict[str, dict[str, object]] = json.loads(path.read_text()) if path.is_file() else {}
    measured = {}
    for name in methods:
        digest = method_digest(name, networks)
        key = digest if name in networks else f"{name} {digest}"
        if key not in kept:
            image, strength = reconstruct_scan(scan, name, networks=networks)
            kept[key] = asdict(Measured(image_metrics(image, scan.truth), strength))
            _write_whole(path, json.dumps(kept))
        measured[name] = _read(kept[key])
    return CaseResult(
        coils=case.coils,
        acceleration=case.acceleration,
        snr=case.snr,
        super_resolution=case.super_resolution,
        image=case.held_out.name,
        n_coils=scan.kspace.shape[0],
        matrix=(scan.truth.shape[-2], scan.truth.shape[-1]),
        methods=measured,
    )


def reconstruct_scan(scan: Scan, method: str, *, networks: dict[str, str]) -> tuple[Tensor, float]:
    """The image ``(1, y, x)`` on the truth's grid, and the strength if an oracle chose one (else 0).

    An oracle works on the acquired grid; where the truth's is finer, its image is sinc-interpolated: a regulariser
    would otherwise be judged by how it fills k-space that it was not made to fill.

    Args:
        scan: what was measured.
        method: a name of ``networks`` or of ``CLASSICAL_METHODS``.
        networks: checkpoints by name.
    """
    E = CartesianSense(scan.maps, scan.weights)
    if method in networks:
        with torch.no_grad():
            return _loaded(networks[method])[0](scan.kspace, E), 0.0
    if method in TUNED:
        solve, start = TUNED[method]
        E = CartesianSense(_on_acquired_grid(scan), scan.weights)
        tuned = tune_strength(_interpolated(solve, scan, E), scan.truth, start=start)
        return tuned.image, tuned.strength
    return CLASSICAL[method](scan.kspace, E), 0.0


def _on_acquired_grid(scan: Scan) -> Tensor:
    """Sensitivities at the voxel centres of the acquired matrix, for a whole-numbered ratio of even matrices."""
    step_y, step_x = (
        fine // acquired for fine, acquired in zip(scan.maps.shape[-2:], scan.kspace.shape[-2:], strict=True)
    )
    return scan.maps[..., ::step_y, ::step_x].contiguous()


def _interpolated(solve: Callable[..., Tensor], scan: Scan, E: CartesianSense) -> Callable[[float], Tensor]:
    grid = (scan.truth.shape[-2], scan.truth.shape[-1])

    def at_strength(strength: float) -> Tensor:
        image = solve(scan.kspace, E, strength=strength)
        if image.shape[-2:] == grid:
            return image
        return centred_ifft(crop_or_pad_centre(centred_fft(image, (-2, -1)), grid), (-2, -1))

    return at_strength


def method_digest(method: str, networks: dict[str, str]) -> str:
    """Changes with the code that a method runs, and for a network with its weights."""
    if method in networks:
        return code_digest(*LEARNED_CODE)[:12] + weights_digest(networks[method])[:12]
    return code_digest(*CLASSICAL_CODE)[:12]


def weights_digest(checkpoint: str) -> str:
    """SHA-256 of architecture and learned weights of a checkpoint; the rest of its card does not count."""
    return _loaded(checkpoint)[1]


def _loaded(checkpoint: str) -> tuple[UnrolledNetwork, str]:
    return _load_once(checkpoint, find_checkpoint(checkpoint).stat().st_mtime_ns)


@cache  # every scan asks for every network: what does not fit would be loaded for each of them
def _load_once(checkpoint: str, _modified: int) -> tuple[UnrolledNetwork, str]:
    """Network and digest of its weights; a file that was written anew is another one."""
    network, card = load_checkpoint(checkpoint)
    digest = hashlib.sha256(json.dumps(asdict(card.architecture)).encode())
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode() + tensor.numpy().tobytes())
    return network, digest.hexdigest()


def _digest(scan: Scan) -> str:
    digest = hashlib.sha256()
    for tensor in (scan.kspace, scan.maps, scan.weights, scan.truth):
        digest.update(str(tuple(tensor.shape)).encode() + tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()[:24]


def _read(stored: dict[str, object]) -> Measured:
    metrics, strength = stored["metrics"], stored["strength"]
    if not isinstance(metrics, dict) or not isinstance(strength, float | int):
        raise ValueError("a file in the benchmark's cache is damaged; delete the folder and measure again")
    return Measured(ImageMetrics(**metrics), float(strength))


def _write_whole(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_text(text)
    part.replace(path)
