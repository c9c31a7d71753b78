"""How many images of each kind there are, and how often each kind is drawn."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ImageShares:
    """How many images of each kind are rendered, and how often each kind is drawn.

    Attributes:
        procedural: number of procedural images rendered.
        brains: number of simulated brain slices rendered.
        volumes: NIfTI files of real magnitude images; empty for none. Relative paths start at the config's folder;
            files that are absent are left out, and that is said.
        shares: relative frequency of ``procedural, brains, knees, abdomens, photographs, volumes``.
        cache: folder of the rendered images.
        knees: number of simulated knee slices rendered.
        abdomens: number of simulated abdomen slices rendered.
        field_strength: lowest and highest B0 of the simulated anatomies, T; equal ones for a single field.
    """

    procedural: int = 2000
    brains: int = 1500
    volumes: tuple[str, ...] = ()
    shares: dict[str, float] = field(
        default_factory=lambda: {"procedural": 0.3, "brains": 0.25, "photographs": 0.1, "volumes": 0.35}
    )
    cache: str = "runs/cache"
    knees: int = 300
    abdomens: int = 300
    field_strength: tuple[float, float] = (0.05, 0.55)

    @property
    def has_anatomies(self) -> bool:
        """Is anything drawn that has a field strength?"""
        return any(self.shares.get(name, 0) > 0 for name in ("brains", "knees", "abdomens"))

    def in_words(self) -> str:
        """The sources with their shares, as ``30 % procedural, 70 % brains``."""
        total = sum(self.shares.values())
        return ", ".join(f"{100 * share / total:.0f} % {name}" for name, share in self.shares.items() if share > 0)

    def __post_init__(self) -> None:
        low, high = self.field_strength
        if not 0.01 <= low <= high <= 7:
            raise ValueError(
                f"field_strength is {low}–{high} T; expected (lowest, highest) within 0.01–7 T, for which relaxation "
                "times are known"
            )
