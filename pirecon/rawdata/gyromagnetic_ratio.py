"""The one γ/2π of pirecon."""

GYROMAGNETIC_RATIO = 42.577478518e6
"""γ/2π of the bare proton in Hz/T. Source: CODATA 2018 (Tiesinga et al., Rev Mod Phys 93:025010, 2021)."""
