"""Receive coils: one image becomes one image a coil."""

from __future__ import annotations

from torch import Tensor

from pirecon.algebra.linear_operator import LinearOperator


class CoilSensitivity(LinearOperator):
    """y_c(r) = S_c(r) x(r), summed over ESPIRiT sets where there are several.

    Args:
        maps: complex ``(*batch, coil, z, y, x)``, no unit; batch axes broadcast against those of the image.

    Source: Pruessmann et al., Magn Reson Med 42:952 (1999).
    """

    def __init__(self, maps: Tensor) -> None:
        super().__init__(tuple(maps.shape[-3:]), tuple(maps.shape[-4:]))
        self.maps = maps

    def _forward(self, x: Tensor) -> Tensor:
        return self.maps * x.unsqueeze(-4)

    def _adjoint(self, y: Tensor) -> Tensor:
        return (self.maps.conj() * y).sum(dim=-4)
