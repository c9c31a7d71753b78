"""Procedural training images: occlusion, edges and texture of every size, without any anatomy to memorise."""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def fractal_texture(size: int, rng: np.random.Generator, *, slope: float | None = None) -> Array:
    """Gaussian texture with amplitude spectrum |k|^−slope, zero mean, unit standard deviation, ``(size, size)``.

    ``slope`` is drawn from 0.8–2.2 where not given; natural images have about 1.
    Source: Field, J Opt Soc Am A 4:2379 (1987).
    """
    slope = rng.uniform(0.8, 2.2) if slope is None else slope
    ky, kx = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :]
    amplitude = np.maximum(np.hypot(ky, kx), 1 / size) ** -slope
    amplitude[0, 0] = 0
    noise = rng.standard_normal((*amplitude.shape, 2)) @ np.array([1, 1j])
    texture = np.fft.irfft2(amplitude * noise, s=(size, size))
    return (texture / texture.std()).astype(np.float32)


def dead_leaves(size: int, rng: np.random.Generator) -> Array:
    """Opaque textured shapes that hide one another, sizes by a power law, values in 0–1, ``(size, size)`` float32.

    Source: Lee, Mumford and Huang, Int J Comput Vis 41:35 (2001); shown to train denoisers by
    Achddou, Gousseau and Ladjal, SSVM (2021).
    """
    textures = [fractal_texture(size, rng) for _ in range(3)]
    image = rng.uniform(0, 1) + rng.gamma(1.0, 0.1) * textures[0]
    smallest = size * np.exp(rng.uniform(np.log(0.005), np.log(0.04)))
    n_shapes = int(np.clip(0.4 * (size / smallest) ** 2, 60, 1500))
    # Radii with density r^-3: every octave covers the same area.
    radii = smallest / np.sqrt(1 - rng.uniform(0, 1 - (smallest / (0.4 * size)) ** 2, n_shapes))
    for radius in radii:
        centre = rng.uniform(-0.1 * size, 1.1 * size, 2)
        low = np.clip(np.floor(centre - 2 * radius).astype(int), 0, size)
        high = np.clip(np.ceil(centre + 2 * radius).astype(int) + 1, 0, size)
        if (high <= low).any():
            continue
        window = (slice(low[0], high[0]), slice(low[1], high[1]))
        y, x = np.mgrid[window].astype(np.float32) - centre[:, None, None].astype(np.float32)
        inside = _shape(y / radius, x / radius, rng)
        leaf = rng.uniform(0, 1) + rng.normal(0, 0.1) * y / radius + rng.normal(0, 0.1) * x / radius
        if rng.random() < 0.7:
            leaf = leaf + rng.gamma(1.0, 0.1) * textures[rng.integers(3)][window]
        image[window] = np.where(inside, leaf, image[window])
    return np.clip(image, 0, 1.5)


def _shape(y: Array, x: Array, rng: np.random.Generator) -> Array:
    """Inside of a random ellipse, polygon, star or ring about the origin, of about unit radius."""
    angle, aspect = rng.uniform(0, np.pi), rng.uniform(0.25, 1)
    u = np.cos(angle) * x + np.sin(angle) * y
    v = (np.cos(angle) * y - np.sin(angle) * x) / aspect
    kind = rng.integers(4)
    distance = np.hypot(u, v)
    if kind == 0:
        return distance < 1
    if kind == 1:  # convex polygon as an intersection of half planes
        directions = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 8)))
        return np.all([u * np.cos(a) + v * np.sin(a) < 0.8 for a in directions], axis=0) & (distance < 1.5)
    if kind == 2:  # wavy outline, like a gyrus
        waves = rng.integers(3, 12)
        return distance < 1 + rng.uniform(0.1, 0.4) * np.sin(waves * np.arctan2(v, u) + rng.uniform(0, 6.3))
    return (distance < 1) & (distance > rng.uniform(0.5, 0.95))


def object_mask(size: int, rng: np.random.Generator) -> Array:
    """A blob with air around it, as an object in a receive coil has, bool ``(size, size)``."""
    y, x = (np.mgrid[:size, :size].astype(np.float32) - size / 2) / (size / 2)
    angle = np.arctan2(y, x)
    outline = rng.uniform(0.6, 0.95) * np.ones_like(angle)
    for wave in range(2, 7):
        outline += rng.normal(0, 0.12 / wave) * np.cos(wave * angle + rng.uniform(0, 6.3))
    return np.hypot(y / rng.uniform(0.75, 1.1), x / rng.uniform(0.75, 1.1)) < outline


def random_image(size: int, rng: np.random.Generator) -> Array:
    """One procedural image: dead leaves or thresholded fractals, mostly with air around, 0–1, float32."""
    if rng.random() < 0.8:
        image = dead_leaves(size, rng)
    else:
        levels = np.digitize(
            fractal_texture(size, rng, slope=rng.uniform(1.3, 2.2)), np.sort(rng.normal(0, 1, rng.integers(1, 8)))
        )
        image = rng.uniform(0, 1, levels.max() + 1).astype(np.float32)[levels]
        image = image * (1 + rng.gamma(1.0, 0.05) * fractal_texture(size, rng))
    if rng.random() < 0.75:
        image = image * object_mask(size, rng)
    return np.clip(image, 0, None).astype(np.float32)
