"""A whole scan by isochromats against the closed form, known places and known motion, and what is refused."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from bloch.closed_form import simulate_closed_form
from bloch.phantom import MapPhantom, Phantom, asymmetric, sudden_motion
from bloch.rawfile import RawScan
from bloch.receiver import loop_array, random_sources, volume_coil
from bloch.scanner import Scanner
from bloch.sequence import TRANSAXIAL, Block, Encoding, Protocol, Sequence, fully_sampled, hard_pulse
from bloch.sequence.echo_train import TrainDesign
from bloch.sequence.gradient_echo import gradient_echo
from bloch.sequence.pulses import HARD_PULSE
from bloch.sequence.spin_echo import spin_echo
from bloch.simulate import Conditions, simulate

QUIET = Conditions(noise=False, variation=0.0)
OBLIQUE = TRANSAXIAL @ Rotation.from_euler("xyz", [12, -20, 35], degrees=True).as_matrix()


def encoding_of(
    matrix: tuple[int, int, int] = (1, 19, 16),
    *,
    voxel: tuple[float, float, float] = (5e-3, 8e-3, 9e-3),
    centres: np.ndarray | None = None,
    directions: np.ndarray = TRANSAXIAL,
) -> Encoding:
    field_of_view = (matrix[0] * voxel[0], matrix[1] * voxel[1], matrix[2] * voxel[2])
    places = np.zeros((1, 3)) if centres is None else centres
    return Encoding(matrix, field_of_view, places, directions, fully_sampled(matrix[:2]), noise_readouts=40)


def ball(centre: tuple[float, float, float], *, radius: float = 12e-3, matrix: int = 61) -> MapPhantom:
    """A ball of long T1 and T2 at x, y, z."""
    voxel = 3e-3
    axis = (torch.arange(matrix) - matrix // 2) * voxel
    z, y, x = torch.meshgrid(axis, axis, axis, indexing="ij")
    inside = ((x - centre[0]) ** 2 + (y - centre[1]) ** 2 + (z - centre[2]) ** 2).sqrt() < radius
    return MapPhantom(inside.float(), torch.full_like(x, 0.3), torch.full_like(x, 0.2), (voxel,) * 3)


def quick_spin_echo(encoding: Encoding, scanner: Scanner, *, selective: bool = False) -> Sequence:
    design = TrainDesign() if selective else TrainDesign(pulse=HARD_PULSE)
    return spin_echo(encoding, scanner, echo_time=20e-3, repetition_time=1.5, design=design)


def centre_of(image: np.ndarray, encoding: Encoding, s: int = 0) -> np.ndarray:
    """Centre of mass of a slice in patient coordinates, mm."""
    weight = abs(image[s]) ** 2
    index = [np.arange(n) - n // 2 for n in weight.shape]
    logical = [(weight.sum(tuple(a for a in range(3) if a != axis)) @ index[axis]) for axis in range(3)]
    offset = np.array(logical) / weight.sum() * encoding.voxel_size
    return 1e3 * (encoding.centres[s] + offset @ encoding.directions)


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return Scanner(0.064, loop_array(3))


def test_spin_echo_agrees_with_its_equation(scanner: Scanner) -> None:
    encoding = encoding_of()
    phantom = asymmetric((1, 38, 32), field_of_view=encoding.field_of_view)
    sequence = quick_spin_echo(encoding, scanner)
    # The first excitation meets rested magnetisation, so the lines' equation holds from the second on.
    played = simulate(phantom, sequence, scanner, conditions=QUIET)
    protocol = Protocol("spin_echo", 20e-3, 1.5)
    expected = simulate_closed_form(phantom, protocol, scanner, encoding, variation=0)
    later = slice(3, None)
    difference = played.samples[later] * -1j - expected.samples[later] * -1j
    error = np.linalg.norm(difference) / np.linalg.norm(expected.samples[later])
    assert error < 0.04  # voxels are boxes here, and points with straight lines between them there
    scale = np.vdot(expected.truth["image"], played.truth["image"]) / np.vdot(
        expected.truth["image"], expected.truth["image"]
    )
    assert abs(scale - 1) < 0.03


@pytest.mark.parametrize("directions", [TRANSAXIAL, OBLIQUE], ids=["transaxial", "oblique"])
@pytest.mark.parametrize("selective", [False, True], ids=["ideal slices", "selected slices"])
def test_a_ball_appears_where_it_is(scanner: Scanner, directions: np.ndarray, selective: bool) -> None:
    place = np.array([21e-3, -15e-3, 12e-3])
    centres = np.stack([place + 4e-3 * directions[1] - 7e-3 * directions[2], -30e-3 * directions[0]])
    encoding = encoding_of(centres=centres, directions=directions)
    sequence = quick_spin_echo(encoding, scanner, selective=selective)
    image = simulate(ball(tuple(place)), sequence, scanner, conditions=QUIET).truth["image"]
    assert centre_of(image, encoding) == pytest.approx(1e3 * place, abs=1.0)
    assert abs(image[0]).max() > 10 * abs(image[1]).max()  # the second slice passes the ball by


def test_a_slab_knows_its_partitions(scanner: Scanner) -> None:
    encoding = encoding_of((6, 11, 12), voxel=(9e-3, 11e-3, 10e-3))
    place = (14e-3, -9e-3, 7e-3)
    sequence = gradient_echo(
        encoding, scanner, echo_time=6e-3, repetition_time=0.4, flip_angle=0.5, pulse=HARD_PULSE
    )
    image = simulate(ball(place), sequence, scanner, conditions=QUIET).truth["image"]
    assert centre_of(image, encoding) == pytest.approx(1e3 * np.array(place), abs=1.5)


def test_what_moved_before_the_scan_appears_at_its_new_place(scanner: Scanner) -> None:
    encoding = encoding_of()
    way = (9e-3, -15e-3, 0.0)
    moved = replace(ball((0, 0, 0)), motion=sudden_motion(1e-9, translation=way))
    sequence = quick_spin_echo(encoding, scanner)
    scan = simulate(moved, sequence, scanner, conditions=QUIET)
    assert centre_of(scan.truth["image"], encoding) == pytest.approx(1e3 * np.array(way), abs=0.5)
    there = simulate(ball(way), sequence, scanner, conditions=QUIET)
    # Coils stay while the object moves: what each channel hears is the same as of an object that lay there.
    error = np.linalg.norm(scan.samples - there.samples) / np.linalg.norm(there.samples)
    assert error < 0.05  # the ball's voxels are cut anew at the other place


def quick_scan(scanner: Scanner, conditions: Conditions, seed: int = 0) -> RawScan:
    encoding = encoding_of((1, 9, 12))
    phantom = asymmetric((1, 18, 24), field_of_view=encoding.field_of_view)
    return simulate(phantom, quick_spin_echo(encoding, scanner), scanner, conditions=conditions, seed=seed)


def test_noise_is_what_the_truth_says(scanner: Scanner) -> None:
    scan = quick_scan(scanner, Conditions(snr=8.0))
    n = np.moveaxis(scan.noise, 1, 0).reshape(3, -1)
    measured, told = n @ n.conj().T / n.shape[1] / 2, scan.truth["noise_covariance"]
    assert float(scan.truth["snr"]) == 8.0
    np.testing.assert_allclose(measured, told, atol=0.15 * abs(told).max())


def test_physical_noise_falls_with_the_root_of_the_dwell_time(scanner: Scanner) -> None:
    encoding = encoding_of((1, 9, 12))
    phantom = asymmetric((1, 18, 24), field_of_view=encoding.field_of_view)
    levels = []
    for sample_time in (20e-6, 40e-6):
        part = replace(encoding, sample_time=sample_time)
        scan = simulate(phantom, quick_spin_echo(part, scanner), scanner, conditions=Conditions(variation=0))
        levels.append(np.sqrt(scan.truth["noise_covariance"][0, 0].real))
    assert levels[0] / levels[1] == pytest.approx(math.sqrt(2), rel=1e-6)


def test_the_same_seed_gives_the_same_bytes_and_another_one_does_not(scanner: Scanner) -> None:
    first, again, other = (quick_scan(scanner, Conditions(), seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first.samples, again.samples)
    np.testing.assert_array_equal(first.noise, again.noise)
    assert (first.samples != other.samples).any()


def test_sensing_coils_hear_interference_and_no_patient(scanner: Scanner) -> None:
    sources = random_sources(
        torch.Generator().manual_seed(3), n_narrow=1, n_broad=1, n_channels=3, n_sensing=2, strength=20, bandwidth=40e3
    )
    clean, scan = (quick_scan(scanner, Conditions(interference=s)) for s in ((), sources))
    assert (scan.n_sensing, scan.samples.shape[1], scan.noise.shape[1]) == (2, 5, 5)
    heard = (scan.samples[:, :3] - clean.samples).ravel()
    # Two sources: what the receive coils hear follows from what the sensing coils do, but for their thermal noise.
    sensed = np.moveaxis(scan.samples[:, 3:], 1, 2).reshape(-1, 2)
    received = np.moveaxis(scan.samples[:, :3] - clean.samples, 1, 2).reshape(-1, 3)
    left = received - sensed @ np.linalg.lstsq(sensed, received, rcond=None)[0]
    assert np.linalg.norm(left) < 0.2 * np.linalg.norm(heard)


def test_a_phantom_outside_the_field_of_view_is_refused(scanner: Scanner) -> None:
    encoding = encoding_of(centres=np.array([[0.3, 0.0, 0.0]]))
    with pytest.raises(ValueError, match="outside the field of view"):
        simulate(ball((0, 0, 0)), quick_spin_echo(encoding, scanner), scanner)


def test_a_slice_beside_the_phantom_is_refused(scanner: Scanner) -> None:
    encoding = encoding_of(centres=np.array([[0.0, 0.0, 0.15]]))
    with pytest.raises(ValueError, match="outside the field of view"):
        simulate(ball((0, 0, 0)), quick_spin_echo(encoding, scanner), scanner)


def test_a_sequence_without_encoding_is_refused(scanner: Scanner) -> None:
    sequence = Sequence((Block(1e-3, rf=hard_pulse(1.0)),))
    with pytest.raises(ValueError, match="what it measures"):
        simulate(ball((0, 0, 0)), sequence, scanner)


@pytest.mark.parametrize("wrong", [{"snr": 0.0}, {"snr": math.nan}, {"snr": 5.0, "noise": False}])
def test_impossible_noise_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="SNR"):
        Conditions(**wrong)


def test_unknown_tissue_is_refused() -> None:
    encoding = encoding_of()
    phantom = Phantom(torch.ones(1, 1, 8, 8), ("cheese",), (5e-3, 8e-3, 8e-3))
    scanner = Scanner(0.064, volume_coil())
    with pytest.raises(ValueError, match="cheese"):
        simulate(phantom, quick_spin_echo(encoding, scanner), scanner)
