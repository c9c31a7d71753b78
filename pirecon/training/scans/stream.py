"""An endless, seeded stream of simulated scans in batches of one shape."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from pirecon.calibration import espirit
from pirecon.encoding import CartesianSense
from pirecon.training.scans.scan_range import ScanRange
from pirecon.training.scans.simulation import (
    Scan,
    bandlimited,
    measure,
    modulate_lines,
    random_coils,
    random_lines,
    random_matrix,
    random_phase,
    rough_phase,
    scan_image,
    window,
)
from pirecon.training.scans.training_data import BatchStream
from pirecon.training.scans.uneven_noise import line_window, noise_profile, window_lines

Rng = np.random.Generator


@dataclass(frozen=True)
class Source:
    """Images of one kind and how often they are drawn.

    Attributes:
        name: for the log.
        images: ``(n, y, x)``, real, ≥ 0.
        share: relative frequency.
    """

    name: str
    images: np.ndarray
    share: float


class ScanStream(BatchStream):
    """Batches of simulated scans, different on every worker and process, the same for a seed.

    Args:
        sources: images to scan.
        scans: ranges to draw from.
        voxels: voxels in a batch, about: the batch size follows from the matrix.
        seed: of everything drawn.
        start: index of the first batch, to resume a stream.
    """

    def __init__(self, sources: list[Source], scans: ScanRange, *, voxels: int, seed: int, start: int = 0) -> None:
        super().__init__(start=start)
        self.sources, self.scans, self.voxels, self.seed = sources, scans, voxels, seed
        shares = np.array([source.share for source in sources], float)
        self._shares = shares / shares.sum()

    def batch(self, index: int) -> dict[str, Tensor]:
        """Batch number ``index``: kspace, maps, weights and truth as in :class:`Scan`, stacked.

        With two averages there is also ``kspace2``: the same samples with other noise. Maps that are estimated are
        estimated from the first.
        """
        rng = np.random.default_rng([self.seed, index])
        matrix = random_matrix(self.scans.matrices, rng)
        n_coils = int(rng.choice(self.scans.coils))
        size = max(1, round(self.voxels / (matrix[0] * matrix[1])))
        ratio = self._resolution_ratio(rng)
        # What is drawn for options goes by a generator of its own, so that an option leaves all else as it was.
        more = np.random.default_rng([self.seed, index, 1])
        drawn = [self._scan(matrix, n_coils, ratio, rng, more) for _ in range(size)]
        batch = {name: torch.stack([getattr(scan, name) for scan, _ in drawn]) for name in Scan.__dataclass_fields__}
        again = [kspace for _, kspace in drawn if kspace is not None]
        return batch | ({"kspace2": torch.stack(again)} if again else {})

    def _resolution_ratio(self, rng: Rng) -> tuple[float, float]:
        low, high = self.scans.super_resolution
        if high == low or rng.random() < 0.7:
            return (low, low)
        return (float(rng.uniform(low, high)), float(rng.uniform(low, high)) if rng.random() < 0.7 else low)

    def _scan(
        self, matrix: tuple[int, int], n_coils: int, ratio: tuple[float, float], rng: Rng, more: Rng
    ) -> tuple[Scan, Tensor | None]:
        source = self.sources[rng.choice(len(self.sources), p=self._shares)]
        rendered = torch.from_numpy(source.images[rng.integers(len(source.images))].astype(np.float32))
        return self.scan_of(bandlimited(augment(rendered, rng), matrix), n_coils, ratio, rng, more)

    def scan_of(
        self, magnitude: Tensor, n_coils: int, ratio: tuple[float, float], rng: Rng, more: Rng
    ) -> tuple[Scan, Tensor | None]:
        """A scan of ``magnitude`` ``(y, x)`` with everything else drawn, and the samples of a second average."""
        matrix = (magnitude.shape[-2], magnitude.shape[-1])
        image = magnitude * random_phase(matrix, rng)
        if rng.random() < self.scans.rough_phase:
            image = image * rough_phase(magnitude.abs(), rng)
        if rng.random() < self.scans.line_modulation:
            image = modulate_lines(image, rng)
        maps = random_coils(n_coils, matrix, rng)
        acquired = window(matrix, ratio)
        # Equal shares of fully sampled, nearly so, and accelerated scans would leave too few of the last.
        full, nearly = (float(np.clip(r, *self.scans.acceleration)) for r in (1.0, rng.uniform(1.0, 1.3)))
        acceleration = float(rng.choice([full, nearly, rng.uniform(*self.scans.acceleration)], p=(0.15, 0.15, 0.7)))
        lines = random_lines(acquired[0], acceleration, rng)
        snr = float(np.exp(rng.uniform(*np.log(self.scans.snr))))
        lost = float(rng.uniform(0.02, 0.3)) if rng.random() < self.scans.lost_samples else 0.0
        image, level = self._uneven(image, acquired, more)
        scan = scan_image(image, maps, lines, acquired_columns=acquired[1], snr=snr, rng=rng, lost_share=lost)
        again = measure(scan.truth, scan.maps, scan.weights, more) if self.scans.averages > 1 else None
        if level is not None:
            signal = CartesianSense(scan.maps, scan.weights)(scan.truth)
            scan = replace(scan, kspace=signal + level * (scan.kspace - signal))
            again = None if again is None else signal + level * (again - signal)
        if not lost and n_coils > 1 and rng.random() < 0.5:
            scan = with_estimated_maps(scan, lines)
        return scan, again

    def _uneven(self, image: Tensor, acquired: tuple[int, int], more: Rng) -> tuple[Tensor, Tensor | None]:
        """The image as filtered lines show it, and the noise of every sample; shares of 0 draw nothing."""
        level = None
        if self.scans.line_window > 0 and more.random() < self.scans.line_window:
            gain = line_window(acquired[0], more)
            image, level = window_lines(image, gain), gain[:, None].expand(acquired)
        if self.scans.noise_profile > 0 and more.random() < self.scans.noise_profile:
            profile = noise_profile(acquired, more)
            level = profile if level is None else level * profile
        return image, level


def with_estimated_maps(scan: Scan, lines: np.ndarray) -> Scan:
    """The scan with ESPIRiT maps from its own noisy calibration lines, as reconstruction has them.

    Estimated maps carry another common phase S₁·S*_true than the true ones, so the truth is turned by it. Scans with
    fewer than 16 calibration lines are returned as they are.
    """
    centre = len(lines) // 2
    below, above = np.flatnonzero(~lines[:centre][::-1]), np.flatnonzero(~lines[centre:])
    n_centre = 2 * min(below[0] if len(below) else centre, above[0] if len(above) else centre)
    if n_centre < 16:
        return scan
    half, columns = min(n_centre, 24) // 2, scan.kspace.shape[-1] // 2
    calibration = scan.kspace[..., centre - half : centre + half, columns - 12 : columns + 12]
    maps = espirit(calibration, (1, *scan.truth.shape[-2:]))[0]  # (coil, 1, y, x)
    if not maps.any():  # all of it drowned in noise: with nothing to find, a loss of logarithms would be −∞
        return scan
    overlap = (maps.conj() * scan.maps).sum(0)
    return Scan(scan.kspace, maps, scan.weights, scan.truth * overlap)


def augment(image: Tensor, rng: Rng) -> Tensor:
    """Another size, orientation, contrast and shading of a rendered image ``(y, x)``."""
    if rng.random() < 0.5:
        image = image.mT
    image = torch.rot90(image, int(rng.integers(4)))
    image = _affine(image, rng)
    peak = image.max().clamp_min(1e-6)
    image = (image / peak).clamp_min(0) ** float(np.exp(rng.normal(0, 0.25)))
    if rng.random() < 0.3:
        nodes = torch.from_numpy(rng.normal(0, 0.3, (1, 1, 3, 3)).astype(np.float32))
        shading = torch.nn.functional.interpolate(nodes, image.shape, mode="bicubic", align_corners=True)[0, 0].exp()
        image = image * shading
    return image


def _affine(image: Tensor, rng: Rng) -> Tensor:
    angle, zoom = rng.uniform(-0.5, 0.5), np.exp(rng.uniform(-0.35, 0.15))
    stretch = np.exp(rng.normal(0, 0.07))
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / zoom
    matrix = rotation @ np.array([[stretch, rng.normal(0, 0.05)], [0, 1 / stretch]])
    theta = torch.from_numpy(np.concatenate([matrix, rng.uniform(-0.08, 0.08, (2, 1))], 1)[None].astype(np.float32))
    grid = torch.nn.functional.affine_grid(theta, [1, 1, *image.shape], align_corners=False)
    moved = torch.nn.functional.grid_sample(image[None, None], grid, mode="bicubic", align_corners=False)
    return moved[0, 0].clamp_min(0)
