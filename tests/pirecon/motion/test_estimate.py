"""Motion of a played scan is found, rest is left alone, and what cannot be told is not guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from pirecon.algebra.conjugate_gradient import conjugate_gradient
from pirecon.algebra.linear_operator import LinearOperator
from pirecon.encoding import CartesianSense
from pirecon.motion import Motion, estimate_motion, moving_encoding
from pirecon.motion.states import states_of

if TYPE_CHECKING:
    from conftest import Prepared


def estimated(data: Prepared) -> Motion:
    return estimate_motion(data.kspace, data.maps, data.weights, data.shots, voxel_size=data.voxel_size)


@pytest.fixture(scope="module")
def motion(moved: Prepared) -> Motion:
    return estimated(moved)


def test_poses_of_a_played_scan(motion: Motion, true_motion: tuple[torch.Tensor, torch.Tensor]) -> None:
    """Root mean square errors are below a tenth of a voxel of 5.2 mm and half a degree, in axes z, y, x."""
    assert motion.found, motion.source
    d, angles = true_motion
    assert float((motion.translations - d).square()[1:, 1:].mean().sqrt()) < 0.52e-3
    assert float(torch.rad2deg((motion.rotations - angles)[1:, 0].square().mean().sqrt())) < 0.5
    assert float(motion.translations[0].abs().max()) == 0  # the first shot is the reference
    assert float(motion.translations[:, 0].abs().max()) == 0  # through the slice nothing is claimed
    assert "relative to the first" in motion.source


def test_the_corrected_image_is_near_that_of_a_head_at_rest(motion: Motion, moved: Prepared, still: Prepared) -> None:
    def solved(E: LinearOperator, y: torch.Tensor) -> torch.Tensor:
        image = conjugate_gradient(E.normal, E.adjoint(y), regularisation=0.01, n_iterations=40).abs()
        return image / image.norm()

    reference = solved(CartesianSense(still.maps, still.weights[0]), still.kspace)
    blurred = solved(CartesianSense(moved.maps, moved.weights[0]), moved.kspace)
    E = moving_encoding(motion, moved.maps, moved.weights, voxel_size=moved.voxel_size)
    corrected = solved(E, moved.kspace)
    assert float((corrected - reference).norm()) < 0.45 * float((blurred - reference).norm())


def test_a_head_at_rest_is_left_alone(still: Prepared) -> None:
    found = estimated(still)
    assert not found.found
    assert "none found" in found.source
    assert float(found.translations.abs().max()) == float(found.rotations.abs().max()) == 0


def test_noise_alone_holds_no_motion(still: Prepared) -> None:
    noise = torch.randn(still.kspace.shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(0)) * 2**0.5
    found = estimate_motion(noise, still.maps, still.weights, still.shots, voxel_size=still.voxel_size)
    assert not found.found


def test_one_coil_and_lines_in_order_are_not_guessed_from(moved: Prepared) -> None:
    alone = estimate_motion(moved.kspace[:1], moved.maps[:1], moved.weights, moved.shots, voxel_size=moved.voxel_size)
    assert not alone.found
    assert "one coil" in alone.source
    in_order = torch.arange(moved.shots.shape[-1]).reshape(1, 1, -1)
    found = estimate_motion(moved.kspace, moved.maps, moved.weights, in_order, voxel_size=moved.voxel_size)
    assert not found.found
    assert "interleave" in found.source


def test_neighbouring_shots_share_a_state() -> None:
    shots = torch.tensor([[3, 3, 3, 3, 5, 5, 6, 6, -1, 9, 9, 9, 9]])
    states, first = states_of(shots, most=16, fewest_lines=4)
    assert states.tolist() == [[0, 0, 0, 0, 1, 1, 1, 1, -1, 2, 2, 2, 2]]
    assert first.tolist() == [3, 5, 9]
    states, first = states_of(torch.arange(64), most=8)
    assert states.tolist() == [i // 8 for i in range(64)]
    with pytest.raises(ValueError, match="nothing was measured"):
        states_of(torch.full((3,), -1))
