"""Images whose phases and magnitudes are compared with each other."""

from __future__ import annotations

import torch
from torch import Tensor

from pirecon.classical import cg_sense
from pirecon.classical.cg_sense import wiener_regularisation
from pirecon.measurement.measurement import Measurement


@torch.no_grad()
def echo_images(measurement: Measurement) -> Tensor:
    """CG-SENSE images of every entry, all with the regularisation of the first.

    A regularisation of each one's own would shrink late, weak echoes more than early ones.

    Args:
        measurement: of the scan.

    Returns:
        Complex ``(*batch, z, y, x)``, SNR units.
    """
    y, E = measurement.encoding(0)
    n_voxels = torch.Size(E.domain_shape).numel()
    weight = float(wiener_regularisation(y, n_voxels=n_voxels, n_axes=len(E.codomain_shape)))
    images = []
    for index in range(measurement.n_images):
        y, E = measurement.encoding(index)
        images.append(cg_sense(y, E, regularisation=weight))
    return torch.stack(images).reshape(*measurement.batch, *measurement.matrix)
