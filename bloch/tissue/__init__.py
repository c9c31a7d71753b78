"""Tissue: relaxation times and proton density at a field strength."""

from bloch.tissue.tissue import GYROMAGNETIC_RATIO, Tissue, tissues_at

__all__ = ["GYROMAGNETIC_RATIO", "Tissue", "tissues_at"]
