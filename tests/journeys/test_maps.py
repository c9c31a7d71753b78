"""The commands that write maps: field-map and fat-water."""

from __future__ import annotations

import h5py
import nibabel
import numpy as np
import pytest

ECHOES = ("--sequence", "multi-echo-gre", "--matrix", "1,32,32", "--field", "0.3")
SCANNER = ("--coils", "4", "--inhomogeneity", "3", "--seed", "3", "--isochromats", "5")
MAPS = ("water", "fat", "fat_fraction", "deviation", "R2_star", "off_resonance")
N = 32


@pytest.fixture(scope="session")
def echoes(scan):
    return scan("--phantom", "abdomen", *ECHOES, *SCANNER)


def truth(path, name: str) -> np.ndarray:
    with h5py.File(path) as file:
        return file["dataset/truth"][name][...].reshape(N, N)


def nifti(path) -> np.ndarray:
    """(y, x) of one slice."""
    return np.asarray(nibabel.load(path).dataobj).squeeze().T


def inside(path) -> np.ndarray:
    return truth(path, "proton_density") > 0.5


def field_error(found: np.ndarray, path, where: np.ndarray) -> float:
    """Median difference, up to a constant, over the spread of the truth: small muscles amid fat may be swapped."""
    true = truth(path, "off_resonance")
    wrong = (found - true)[where]
    return float(np.median(np.abs(wrong - np.median(wrong))) / np.std(true[where]))


def test_fat_and_water(pirecon_command, echoes, tmp_path):
    assert pirecon_command("fat-water", echoes, "-o", tmp_path / "maps", "-q") == 0
    assert sorted(p.name for p in (tmp_path / "maps").iterdir()) == sorted(f"{name}.nii.gz" for name in MAPS)
    water, fat, fraction = (nifti(tmp_path / "maps" / f"{name}.nii.gz") for name in ("water", "fat", "fat_fraction"))
    on = inside(echoes)
    share = fat / (fat + water)
    assert np.median(fraction[on & (share > 0.8)]) > 0.85  # subcutaneous fat
    assert abs(np.median(fraction[on & (share < 0.2)])) < 0.1  # organs
    assert (on & (share > 0.8)).sum() > 100
    assert (on & (share < 0.2)).sum() > 100
    # The truth's off-resonance is that of all protons, fat's chemical shift included: compare where there is water.
    water_only = on & (share < 0.05) & (truth(echoes, "off_resonance") > -40)
    assert field_error(nifti(tmp_path / "maps" / "off_resonance.nii.gz"), echoes, water_only) < 0.3


def test_field_map_of_a_brain(pirecon_command, scan, tmp_path):
    raw = scan("--phantom", "brain", *ECHOES, *SCANNER)
    assert pirecon_command("field-map", raw, "-o", tmp_path / "field.nii.gz", "-q") == 0
    assert field_error(nifti(tmp_path / "field.nii.gz"), raw, inside(raw)) < 0.3


@pytest.mark.parametrize("command", ["field-map", "fat-water"])
def test_one_echo_is_refused_and_nothing_is_written(pirecon_command, echoes, tmp_path, capsys, command):
    single = tmp_path / "single.h5"
    with h5py.File(echoes) as source, h5py.File(single, "w") as target:
        source.copy("dataset", target)
        rows = target["dataset/data"][...]
        del target["dataset/data"]
        first = rows[rows["head"]["idx"]["contrast"] == 0]
        target["dataset"].create_dataset("data", data=first, maxshape=(None,), chunks=True)
    out = tmp_path / ("x.nii.gz" if command == "field-map" else "maps")
    assert pirecon_command(command, single, "-o", out, "-q") == 1
    assert "echo" in capsys.readouterr().err
    assert not out.exists()
