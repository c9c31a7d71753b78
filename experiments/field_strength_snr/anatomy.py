"""A random head in three coils."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bloch.phantom import Phantom, brain_volume, susceptibility_field, voxel_centres
from bloch.receiver import CoilArray, loop_array, solenoid, volume_coil, voxel_body
from bloch.receiver.coil_array import Vector
from bloch.receiver.conducting_body import HEAD_CONDUCTIVITY, head_body
from bloch.snr import HeadReceiver, head_receiver

MATRIX = (38, 44, 38)
VOXEL = (6e-3, 6e-3, 6e-3)
N_POINTS = 300  # of grey and of white matter each

COILS: dict[str, tuple[CoilArray, Vector]] = {
    "8 loops": (loop_array(8), (0.0, 0.0, 1.0)),
    "quadrature coil": (volume_coil(), (0.0, 0.0, 1.0)),
    "solenoid, B0 across": (solenoid(), (0.0, 1.0, 0.0)),
}


@dataclass(frozen=True, eq=False)
class Anatomy:
    """A head as the sweep needs it.

    Attributes:
        receivers: by coil; the first ``N_POINTS`` points are grey matter, the others white.
        susceptibility: half the range of ΔB0 over 95 % of the brain, ppm.
        volume: of all that conducts, m³.
    """

    receivers: dict[str, HeadReceiver]
    susceptibility: float
    volume: float


def make_anatomy(seed: int) -> Anatomy:
    """A random head and what the coils hear of it.

    Args:
        seed: of the deformation, and of the choice of points.

    Returns:
        Anatomy.
    """
    torch.set_num_threads(1)  # one head is one task
    phantom = brain_volume(seed, MATRIX, voxel_size=VOXEL)
    points = _brain_points(phantom, torch.Generator().manual_seed(seed))
    body = voxel_body(HEAD_CONDUCTIVITY * phantom.fractions.sum(0).clamp(max=1), VOXEL)
    reference = head_body()
    receivers = {
        name: head_receiver(array, points=points, body=body, reference_body=reference, B0_direction=direction)
        for name, (array, direction) in COILS.items()
    }
    return Anatomy(receivers, susceptibility_range(phantom), float(body.conductance.sum()) / HEAD_CONDUCTIVITY)


def susceptibility_range(phantom: Phantom) -> float:
    """Half of what lies between the 2.5th and the 97.5th percentile of ΔB0 in the brain, ppm.

    The neck goes on below the grid; a linear shim, which every scanner has, is taken off.
    """
    field = susceptibility_field(phantom, continued=(True, False, False)).double()
    inside = _fraction(phantom, "grey_matter") + _fraction(phantom, "white_matter") > 0.5
    r = voxel_centres(phantom.matrix, phantom.voxel_size)[inside].double()
    linear = torch.cat((torch.ones(len(r), 1, dtype=torch.float64), r), dim=1)
    values = field[inside]
    left = values - linear @ torch.linalg.lstsq(linear, values.unsqueeze(1)).solution.squeeze(1)
    low, high = torch.quantile(left, torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return 0.5 * (high - low)


def _brain_points(phantom: Phantom, generator: torch.Generator) -> Tensor:
    """Places of grey and then of white matter, x y z, m."""
    places = voxel_centres(phantom.matrix, phantom.voxel_size).double()
    chosen = []
    for name in ("grey_matter", "white_matter"):
        candidates = places[_fraction(phantom, name) > 0.5]
        chosen.append(candidates[torch.randint(len(candidates), (N_POINTS,), generator=generator)])
    return torch.cat(chosen)


def _fraction(phantom: Phantom, name: str) -> Tensor:
    return phantom.fractions[phantom.tissues.index(name)]
