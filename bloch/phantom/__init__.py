"""Phantoms: which tissue is where, how the field deviates there, and how it all moves."""

from bloch.phantom.abdomen import abdomen, breathing_motion, fat_volume_fraction
from bloch.phantom.brain import brain_volume, random_brain_slice
from bloch.phantom.contrast import magnetisation_image, protocol_signal, tissue_signal
from bloch.phantom.grid import voxel_centres
from bloch.phantom.knee import knee
from bloch.phantom.koma import read_koma
from bloch.phantom.lesions import Lesion
from bloch.phantom.magnet import MagnetField, fit_magnet, magnet_field, magnet_field_map, random_magnet, solid_harmonics
from bloch.phantom.motion import Motion, RespiratoryMotion, RigidMotion
from bloch.phantom.mrzero import read_bifti, read_mrzero_npz
from bloch.phantom.parameter_maps import MapPhantom
from bloch.phantom.phantom import LESIONS, Phantom, lesion_mask, tissue_fraction
from bloch.phantom.shapes import asymmetric, shepp_logan
from bloch.phantom.susceptibility import field_of_susceptibility, susceptibility_field, susceptibility_map
from bloch.phantom.trajectories import drift, periodic_motion, random_motion, sudden_motion
from bloch.phantom.transmit import random_transmit_field
from bloch.phantom.tubes import Filling, system_phantom, system_phantom_fillings, tube_phantom

__all__ = [
    "LESIONS",
    "Filling",
    "Lesion",
    "MagnetField",
    "MapPhantom",
    "Motion",
    "Phantom",
    "RespiratoryMotion",
    "RigidMotion",
    "abdomen",
    "asymmetric",
    "brain_volume",
    "breathing_motion",
    "drift",
    "fat_volume_fraction",
    "field_of_susceptibility",
    "fit_magnet",
    "knee",
    "lesion_mask",
    "magnet_field",
    "magnet_field_map",
    "magnetisation_image",
    "periodic_motion",
    "protocol_signal",
    "random_brain_slice",
    "random_magnet",
    "random_motion",
    "random_transmit_field",
    "read_bifti",
    "read_koma",
    "read_mrzero_npz",
    "shepp_logan",
    "solid_harmonics",
    "sudden_motion",
    "susceptibility_field",
    "susceptibility_map",
    "system_phantom",
    "system_phantom_fillings",
    "tissue_fraction",
    "tissue_signal",
    "tube_phantom",
    "voxel_centres",
]
