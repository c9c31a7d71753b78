"""Reads the phantoms of MRzero: BIfTI (a JSON file and NIfTI files beside it) and the older .npz archives."""

from __future__ import annotations

import json
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bloch.phantom.map_expression import evaluate
from bloch.phantom.parameter_maps import MapPhantom
from bloch.tissue import GYROMAGNETIC_RATIO

REFERENCE = re.compile(r"^(?P<file>.+\.nii(\.gz)?)(\[(?P<index>\d+)\]|:(?P<old_index>\d+))$")
FORMAT = re.compile(r"(nifti|bifti)[-_]phantom[-_]v1(\.[^/]*)?$")
DIFFUSION_UNIT = 1e-9  # 1e-3 mm²/s in m²/s
ALIGNED = 0.02  # largest direction cosine off the axes, above which a grid counts as oblique


@dataclass(frozen=True)
class _Folder:
    """Where the NIfTI files are, and what they must share."""

    path: Path
    hertz_per_ppm: float


def read_bifti(path: str | Path, *, B0: float | None = None) -> dict[str, MapPhantom]:
    """A BIfTI phantom: one MapPhantom for each tissue, since tissues share voxels. Their signals add up.

    ``T2* = 1 / (1/T2 + 1/T2')``; dB0 (Hz, chemical shift included) becomes ``field_offset`` in ppm of B0. The grid is
    turned to L, P, S; its voxel ``n // 2`` becomes the origin, wherever the affine has it.

    Args:
        path: the JSON file.
        B0: field strength for which dB0 was made, T; None takes ``system.B0`` of the file.

    Returns:
        Phantoms by tissue, on one grid.

    Raises:
        ValueError: no BIfTI file of version 1, a broken reference, grids that differ, or B0 unknown.
        FileNotFoundError: a file is missing.

    Warns:
        UserWarning: several transmit channels (left out), an oblique grid (taken as straight), or a missing T2.

    Source: BIfTI phantom specification, JSON.md and NIFTI.md (version 1); its forerunner nifti_phantom_v1.
    """
    path = Path(path)
    config = _read_json(path)
    system = config.get("system", {})
    B0 = system.get("B0") if B0 is None else B0
    if not isinstance(B0, int | float) or not B0 > 0:
        raise ValueError(f"B0 is {B0} T in {path}; give the field strength for which the phantom was made.")
    gyromagnetic_ratio = float(system.get("gyro", GYROMAGNETIC_RATIO * 1e-6))  # MHz/T, so Hz per ppm and T
    folder = _Folder(path.parent, gyromagnetic_ratio * B0)
    phantoms = {name: _read_tissue(folder, name, entry) for name, entry in config["tissues"].items()}
    grids = {(p.matrix, tuple(round(v, 6) for v in p.voxel_size)) for p in phantoms.values()}
    if len(grids) > 1:
        raise ValueError(f"The tissues of {path} have different grids {sorted(grids)}; a phantom has one.")
    return phantoms


def read_mrzero_npz(path: str | Path, *, B0: float) -> MapPhantom:
    """An .npz phantom of MRzero before 2026: PD_map, T1_map, T2_map, T2dash_map, D_map, B0_map, B1_map, FOV.

    The maps' axes x, y, z are taken for ours (L, P, S). B0_map is in Hz, D_map in 1e-3 mm²/s, FOV in m.

    Args:
        path: the archive.
        B0: field strength for which B0_map was made, T.

    Returns:
        MapPhantom.

    Raises:
        ValueError: a map is missing or B0 not positive.

    Warns:
        UserWarning: no FOV in the file (0.192 m is taken, as MRzero does), or several transmit channels (left out).

    Source: MRzeroCore, ``VoxelGridPhantom.load``.
    """
    if not B0 > 0:
        raise ValueError(f"B0 is {B0} T; expected the positive field strength for which the phantom was made.")
    with np.load(path, allow_pickle=False) as archive:
        maps = {name: archive[name] for name in archive.files}
    missing = [name for name in ("PD_map", "T1_map", "T2_map") if name not in maps]
    if missing:
        raise ValueError(f"{path} lacks {missing}; it holds {sorted(maps)}. Is it a phantom of MRzero?")
    if "FOV" not in maps:
        warnings.warn(f"{path} has no field of view; 0.192 m along every axis is assumed.", stacklevel=2)
    fov = np.broadcast_to(maps.get("FOV", 0.192), 3)
    T1, T2 = _zyx(maps["T1_map"]), _zyx(maps["T2_map"])
    x, y, z = (float(length) / n for length, n in zip(fov, maps["PD_map"].shape, strict=True))
    offset, diffusion = maps.get("B0_map"), maps.get("D_map")
    return MapPhantom(
        _zyx(maps["PD_map"]),
        T1,
        T2,
        (z, y, x),
        T2_star=_with_dephasing(T2, _zyx(maps["T2dash_map"])) if "T2dash_map" in maps else None,
        field_offset=None if offset is None else _zyx(offset) / (GYROMAGNETIC_RATIO * 1e-6 * B0),
        transmit_field=_single_channel([_zyx(c) for c in _channels(maps.get("B1_map"))], str(path)),
        diffusion=None if diffusion is None else _zyx(diffusion) * DIFFUSION_UNIT,
    )


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is no JSON file ({error}); give the .json of the phantom, not a NIfTI.") from error
    version = config.get("$schema", config.get("file_type", "")) if isinstance(config, dict) else ""
    if not FORMAT.search(str(version)):
        raise ValueError(f"{path} says it is {version!r}; expected a BIfTI phantom of version 1 (bifti-phantom-v1).")
    if "reslice_to" in config:
        raise ValueError(f"{path} asks to be resampled (reslice_to); save it resampled with the bifti package first.")
    if not isinstance(config.get("tissues"), dict) or not config["tissues"]:
        raise ValueError(f"{path} names no tissues.")
    return config


def _read_tissue(folder: _Folder, name: str, entry: dict[str, Any]) -> MapPhantom:
    if not isinstance(entry.get("density"), str):
        raise ValueError(f"Tissue {name!r} has no density map; a BIfTI tissue needs one, as 'file.nii.gz[0]'.")
    density, voxel_size = _load(folder, entry["density"])

    def read(key: str, default: float) -> Tensor:
        value = entry.get(key, default)
        return _property(folder, value, density)

    T1, T2 = read("T1", float("inf")), read("T2", float("inf"))
    if "T2" not in entry and "T1" in entry:
        warnings.warn(f"Tissue {name!r} has no T2; the longest possible one, 2 T1, is taken.", stacklevel=3)
        T2 = 2 * T1
    transmit = [_property(folder, channel, density) for channel in entry.get("B1+", [])]
    return MapPhantom(
        density,
        T1,
        T2,
        voxel_size,
        T2_star=_with_dephasing(T2, read("T2'", float("inf"))) if "T2'" in entry else None,
        field_offset=read("dB0", 0.0) / folder.hertz_per_ppm if "dB0" in entry else None,
        transmit_field=_single_channel(transmit, f"Tissue {name!r}"),
        diffusion=read("ADC", 0.0) * DIFFUSION_UNIT if "ADC" in entry else None,
    )


def _property(folder: _Folder, value: Any, density: Tensor) -> Tensor:
    """A number, a reference, or a reference with an expression, as a map on the grid of the density."""
    if isinstance(value, int | float):
        return torch.full_like(density, float(value))
    reference, expression = (value.get("file"), value.get("func")) if isinstance(value, dict) else (value, "x")
    if not isinstance(reference, str) or not isinstance(expression, str):
        raise ValueError(f"{value!r} is no property; expected a number, 'file.nii.gz[0]', or both file and func.")
    values, _ = _load(folder, reference)
    if values.shape != density.shape:
        raise ValueError(f"{reference} has the grid {tuple(values.shape)}, the density {tuple(density.shape)}.")
    return evaluate(expression, values)


def _load(folder: _Folder, reference: str) -> tuple[Tensor, tuple[float, float, float]]:
    """A volume ``(z, y, x)`` along L, P, S and its voxel size in m."""
    match = REFERENCE.match(reference)
    if match is None or Path(match["file"]).name != match["file"]:
        raise ValueError(f"{reference!r} is no reference such as 'brain.nii.gz[0]' to a file beside the JSON file.")
    path, index = folder.path / match["file"], int(match["index"] or match["old_index"] or 0)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing, to which the phantom refers as {reference!r}.")
    import nibabel as nib  # slow to import, and only needed here

    image = nib.as_closest_canonical(nib.load(path))  # indices grow towards R, A, S
    data = np.asarray(image.dataobj)
    data = data.reshape(*data.shape, *([1] * (4 - data.ndim)))
    if index >= data.shape[3]:
        raise ValueError(f"{reference!r} asks for volume {index} of {data.shape[3]} in {path.name}.")
    affine = np.asarray(image.affine)[:3, :3]
    edges = np.linalg.norm(affine, axis=0)
    if np.abs(affine / edges - np.eye(3)).max() > ALIGNED:
        warnings.warn(f"The grid of {path.name} is oblique; it is taken as straight along L, P, S.", stacklevel=5)
    x, y, z = (float(edge) * 1e-3 for edge in edges)
    return _zyx(data[::-1, ::-1, :, index]), (z, y, x)


def _channels(maps: np.ndarray | None) -> list[np.ndarray]:
    if maps is None:
        return []
    return [maps] if maps.ndim == 3 else list(maps)


def _single_channel(channels: list[Tensor], owner: str) -> Tensor | None:
    if len(channels) > 1:
        warnings.warn(
            f"{owner} has {len(channels)} transmit channels, and how they are driven is not known: B1+ is taken as 1. "
            "Set transmit_field to their weighted sum.",
            stacklevel=4,
        )
    return channels[0] if len(channels) == 1 else None


def _zyx(values: np.ndarray) -> Tensor:
    """A map with axes x, y, z as ``(z, y, x)``, float32 or complex64."""
    kind = np.complex64 if np.iscomplexobj(values) else np.float32
    return torch.from_numpy(np.ascontiguousarray(values.transpose(2, 1, 0), dtype=kind))


def _with_dephasing(T2: Tensor, T2_prime: Tensor) -> Tensor:
    return 1 / (1 / T2 + 1 / T2_prime)
