"""A card says what was drawn, and nothing that was not."""

from __future__ import annotations

from pathlib import Path

import pytest

from pirecon.training.card import model_card
from pirecon.training.config import TrainingConfig
from pirecon.training.data import Simulation
from pirecon.training.scans.examinations import Examinations
from pirecon.training.scans.guide import GuidedScans
from pirecon.training.scans.image_shares import ImageShares
from pirecon.training.scans.played_stream import PlayedScans
from pirecon.training.scans.recorded import RecordedScans
from pirecon.training.scans.scan_range import ScanRange
from pirecon.training.scans.training_data import TrainingData
from pirecon.training.scans.volumes import Volumes

Ranges = dict[str, tuple[float, float]]
SIMULATED: Ranges = {
    "snr": (2.0, 40.0),
    "acceleration": (1.0, 4.0),
    "super_resolution": (1.0, 2.0),
    "coils": (1, 16),
    "field_strength": (0.05, 0.55),
}
WITHOUT_FIELD = {name: limits for name, limits in SIMULATED.items() if name != "field_strength"}


def ranges(data: TrainingData, folder: Path, images: ImageShares | None = None) -> Ranges:
    log = folder / "loss.csv"
    log.write_text("stage,step,seconds,term,value\n0,1,3.0,loss,0.5\n")
    config = TrainingConfig(output="a.safetensors", data=data, images=images or ImageShares())
    return model_card(config, log).training_range


@pytest.mark.parametrize("data", [Simulation(), GuidedScans(), Examinations(), Volumes()], ids=str)
def test_simulated_scans_have_the_ranges_of_the_config(data: TrainingData, tmp_path: Path) -> None:
    assert ranges(data, tmp_path) == SIMULATED


def test_images_without_anatomy_have_no_field_strength(tmp_path: Path) -> None:
    shares = ImageShares(shares={"procedural": 1.0, "brains": 0.0})
    assert ranges(Simulation(), tmp_path, shares) == WITHOUT_FIELD
    assert ranges(Volumes(solid_share=1.0), tmp_path) == WITHOUT_FIELD


def test_raw_files_are_as_they_are(tmp_path: Path) -> None:
    """SNR, coils, resolution and field are known to the files alone, if they are not degraded."""
    files = (tmp_path / "raw.h5",)
    files[0].touch()
    assert ranges(RecordedScans(files), tmp_path) == {"acceleration": (1.0, 4.0)}
    degraded = ranges(RecordedScans(files, field_strength=0.3), tmp_path)
    assert degraded == {"acceleration": (1.0, 4.0), "field_strength": (0.3, 0.3)}


def test_played_scans_have_their_own_field_and_coils(tmp_path: Path) -> None:
    found = ranges(PlayedScans(field_strength=(0.3, 0.3)), tmp_path)
    assert found["field_strength"] == (0.3, 0.3)
    assert found["coils"] == (1, 8)
    assert found["super_resolution"] == (1, 1)
    assert found["snr"] == ScanRange().snr
