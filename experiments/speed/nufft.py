"""Tasks: the non-uniform Fourier transform forward and back, with plans made before the clock starts."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import finufft
import numpy as np
import sigpy
import torch

from experiments.speed.measure import Contender, Task
from pirecon.algebra.nufft import Nufft

N_COILS = 8
ACCURACIES = (1e-4, 1e-6)
OURS = "pirecon Nufft, {:g}"
Results = tuple[np.ndarray, np.ndarray]


def nufft_2d() -> Task:
    """200 spokes of 512 samples, 256 × 256, 8 coils."""
    angles = math.pi * 0.618034 * torch.arange(200, dtype=torch.float64)[:, None]
    radius = (torch.arange(512, dtype=torch.float64) - 256) / 2
    points = torch.stack([torch.zeros(200, 512), angles.sin() * radius, angles.cos() * radius], dim=-1)
    return _task("NUFFT 2D, 200 × 512 points, 256 × 256, 8 coils, forward and adjoint", points, (1, 256, 256))


def nufft_3d() -> Task:
    """200,000 points anywhere in k-space, 96³, 8 coils."""
    generator = torch.Generator().manual_seed(0)
    points = 96 * (torch.rand(200_000, 3, dtype=torch.float64, generator=generator) - 0.5)
    return _task("NUFFT 3D, 200,000 points, 96³, 8 coils, forward and adjoint", points, (96, 96, 96))


def _task(name: str, points: torch.Tensor, shape: tuple[int, int, int]) -> Task:
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(N_COILS, *shape, dtype=torch.complex64, generator=generator)
    samples = torch.randn(N_COILS, *points.shape[:-1], dtype=torch.complex64, generator=generator)
    exact = Nufft(points, shape, accuracy=1e-12)
    wanted = exact(images.to(torch.complex128)).numpy(), exact.adjoint(samples.to(torch.complex128)).numpy()
    contenders = []
    for accuracy in ACCURACIES:
        ours = _ours(points, shape, accuracy, images, samples)
        theirs = _finufft(points, shape, accuracy, images, samples)
        contenders += [
            Contender(OURS.format(accuracy), ours, turns=10),
            Contender(f"finufft, {accuracy:g}, single precision", theirs, turns=10),
        ]
    contenders.append(Contender("SigPy nufft", _sigpy(points, shape, images, samples), turns=2))
    return Task(
        name=name,
        contenders=contenders,
        agreement=lambda contender, results: _errors(results[contender], wanted),
        wanted="finufft's own plan of the same accuracy takes no less than 0.9 of our time",
    )


def _errors(found: Results, wanted: Results) -> str:
    errors = [
        float(np.linalg.norm(f.reshape(-1) - w.reshape(-1)) / np.linalg.norm(w))
        for f, w in zip(found, wanted, strict=True)
    ]
    return f"error against 1e-12: {errors[0]:.0e} forward, {errors[1]:.0e} adjoint"


def _ours(points: torch.Tensor, shape: Any, accuracy: float, images: Any, samples: Any) -> Callable[[], Results]:
    A = Nufft(points, shape, accuracy=accuracy)
    return lambda: (A(images).numpy(), A.adjoint(samples).numpy())


def _finufft(points: torch.Tensor, shape: Any, accuracy: float, images: Any, samples: Any) -> Callable[[], Results]:
    """Plans in single precision, the data's own, scaled like the others outside the transform."""
    axes = [axis for axis, n in enumerate(shape) if n > 1]
    sizes, scale = tuple(shape[axis] for axis in axes), np.float32(1 / math.sqrt(math.prod(shape)))
    angles = [(2 * math.pi * points[..., a].reshape(-1) / shape[a]).float().numpy() for a in axes]
    options = {"eps": accuracy, "dtype": "complex64", "nthreads": torch.get_num_threads()}
    forward, adjoint = finufft.Plan(2, sizes, N_COILS, isign=-1, **options), finufft.Plan(1, sizes, N_COILS, **options)
    forward.setpts(*angles)
    adjoint.setpts(*angles)
    x, y = images.reshape(N_COILS, *sizes).numpy(), samples.reshape(N_COILS, -1).numpy() * scale
    x = x * scale
    return lambda: (forward.execute(x), adjoint.execute(y))


def _sigpy(points: torch.Tensor, shape: Any, images: Any, samples: Any) -> Callable[[], Results]:
    axes = [axis for axis, n in enumerate(shape) if n > 1]
    sizes, coordinates = tuple(shape[axis] for axis in axes), points[..., axes].numpy()
    x, y = images.reshape(N_COILS, *sizes).numpy(), samples.numpy()
    return lambda: (sigpy.nufft(x, coordinates), sigpy.nufft_adjoint(y, coordinates, (N_COILS, *sizes)))
