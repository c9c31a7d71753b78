"""What can be turned: config.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from bloch.snr import Limits

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Settings:
    """The sweep; config.toml says what each entry is."""

    seed: int
    fields: tuple[float, ...]
    magnets: tuple[float, ...]
    n_anatomies: int
    n_draws: int
    crossover_field: tuple[float, float]
    assumed_sd: float
    assumed_density_sd: float
    assumed_static_sd: float
    minutes: float
    wanted_snr: float
    limits: Limits


def read_settings(path: Path = HERE / "config.toml") -> Settings:
    """Settings of a file.

    Args:
        path: TOML file with every entry of config.toml.

    Returns:
        Settings.

    Raises:
        ValueError: an entry is missing or unknown.
    """
    entries = tomllib.loads(path.read_text(encoding="utf-8"))
    try:
        limits = Limits(**entries.pop("limits"))
        low, high = entries.pop("crossover_field")
        fields = tuple(float(B0) for B0 in entries.pop("fields"))
        magnets = tuple(float(ppm) for ppm in entries.pop("magnets"))
        return Settings(fields=fields, magnets=magnets, crossover_field=(low, high), limits=limits, **entries)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path} must have the entries of {HERE / 'config.toml'} and no others: {error}") from None
