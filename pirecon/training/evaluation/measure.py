"""What every method makes of one scan of a benchmark, measured once and kept."""

from __future__ import annotations

import ast
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

import pirecon
from pirecon.classical import l1_wavelet, total_variation
from pirecon.classical.total_variation import DEFAULT_STRENGTH as TV_STRENGTH
from pirecon.classical.wavelet import DEFAULT_STRENGTH as WAVELET_STRENGTH
from pirecon.encoding import CartesianSense
from pirecon.methods import CLASSICAL
from pirecon.report.metrics import ImageMetrics, image_metrics
from pirecon.training.evaluation.benchmark import Case, scan_case
from pirecon.training.evaluation.oracle import tune_strength
from pirecon.training.scans.simulation import Scan
from pirecon.unrolled import load_checkpoint

TUNED = {"wavelet-oracle": (l1_wavelet, WAVELET_STRENGTH), "tv-oracle": (total_variation, TV_STRENGTH)}
CODE = {"unrolled": ("algebra", "encoding", "priors", "unrolled"), "other": ("algebra", "encoding", "classical")}


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
    image: str
    n_coils: int
    matrix: tuple[int, int]
    methods: dict[str, Measured]


def measure_case(case: Case, methods: tuple[str, ...], *, checkpoint: str, cache: str) -> CaseResult:
    """Scan, reconstruct by every method and compare with the truth.

    What is in the cache for the same samples, code and weights is not computed again: a new checkpoint leaves the
    classical methods' results as they are.

    Args:
        case: what to scan.
        methods: some of ``KNOWN_METHODS``.
        checkpoint: of the method "unrolled".
        cache: folder of finished measurements.
    """
    scan = scan_case(case)
    path = Path(cache) / f"{_digest(scan)}.json"
    kept: dict[str, dict[str, object]] = json.loads(path.read_text()) if path.is_file() else {}
    measured = {}
    for name in methods:
        key = f"{name} {method_digest(name, checkpoint)}"
        if key not in kept:
            image, strength = reconstruct_scan(scan, name, checkpoint=checkpoint)
            kept[key] = asdict(Measured(image_metrics(image, scan.truth), strength))
            _write_whole(path, json.dumps(kept))
        measured[name] = _read(kept[key])
    return CaseResult(
        coils=case.coils,
        acceleration=case.acceleration,
        snr=case.snr,
        image=case.held_out.name,
        n_coils=scan.kspace.shape[0],
        matrix=(scan.truth.shape[-2], scan.truth.shape[-1]),
        methods=measured,
    )


def reconstruct_scan(scan: Scan, method: str, *, checkpoint: str = "default") -> tuple[Tensor, float]:
    """The image ``(1, y, x)`` by a method of ``KNOWN_METHODS``, and the strength if an oracle chose one (else 0)."""
    E = CartesianSense(scan.maps, scan.weights)
    if method in TUNED:
        solve, start = TUNED[method]
        tuned = tune_strength(_at_strength(solve, scan.kspace, E), scan.truth, start=start)
        return tuned.image, tuned.strength
    if method in CLASSICAL:
        return CLASSICAL[method](scan.kspace, E), 0.0
    with torch.no_grad():
        return _network(checkpoint)(scan.kspace, E), 0.0


def method_digest(method: str, checkpoint: str) -> str:
    """Changes with the code that a method runs, and for "unrolled" with the checkpoint."""
    if method == "unrolled":
        return _code_digest(CODE["unrolled"])[:12] + weights_digest(checkpoint)[:12]
    return _code_digest(CODE["other"])[:12]


@lru_cache(maxsize=1)
def weights_digest(checkpoint: str) -> str:
    """SHA-256 of the learned weights of a checkpoint; its card does not count."""
    digest = hashlib.sha256()
    for name, tensor in sorted(load_checkpoint(checkpoint)[0].state_dict().items()):
        digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()


@lru_cache(maxsize=1)
def _network(checkpoint: str) -> Callable[[Tensor, CartesianSense], Tensor]:
    return load_checkpoint(checkpoint)[0]


def _at_strength(solve: Callable[..., Tensor], kspace: Tensor, E: CartesianSense) -> Callable[[float], Tensor]:
    return lambda strength: solve(kspace, E, strength=strength)


@lru_cache
def _code_digest(stations: tuple[str, ...]) -> str:
    """SHA-256 of the code of some stations, without comments and docstrings."""
    digest = hashlib.sha256()
    for station in stations:
        for path in sorted((Path(pirecon.__file__).parent / station).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node):
                    node.body = node.body[1:]
            digest.update(ast.dump(tree).encode())
    return digest.hexdigest()


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
