"""Tiny trainings, and a stranger's regime, for the tests of `pirecon train`."""

import csv
import importlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import load_file

from pirecon.training.config import Stage, TrainingConfig
from pirecon.training.fit import fit
from pirecon.training.regimes import REGIMES
from pirecon.training.scans.image_shares import ImageShares
from pirecon.training.scans.scan_range import ScanRange
from pirecon.unrolled import Architecture

# A stranger's regime with a critic and a head of its own, which can kill the process, and a prior that breaks.
TOY = '''
import os
import signal
import torch
from pirecon.encoding import CartesianSense
from pirecon.priors import UNet
from pirecon.training.regimes import REGIMES
from pirecon.training.regimes.regime import Regime, RegimeLoss


class Duel(Regime):
    """The critic tells magnitudes of truth and image apart; the loss has a random part, as self-supervision has."""

    last_network = None

    def __init__(self, kill_at=-1):
        super().__init__()
        self.kill_at = kill_at
        self.critic = torch.nn.Conv2d(1, 1, 3, bias=False)
        self.head = torch.nn.Linear(1, 1)
        self.calls = 0

    def network_parameters(self):
        return self.head.parameters()

    def forward(self, network, batch):
        Duel.last_network = network
        if self.calls == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.calls += 1
        image = network(batch["kspace"], CartesianSense(batch["maps"], batch["weights"]))
        truth = batch["truth"].abs()
        drawn = torch.rand(image.shape)
        distance = (drawn * (self.head(image.abs()[..., None])[..., 0] - truth).abs()).mean()
        critic = self.critic(image.abs().detach()).mean() - self.critic(truth).mean()
        return RegimeLoss(distance - 0.1 * self.critic(image.abs()).mean(), critic, {"distance": distance.detach()})


class Breaks(UNet):
    """Not a number from the fourth call on."""

    calls, breaks_at = 0, 3

    def change(self, channels):
        Breaks.calls += 1
        return super().change(channels) * (float("nan") if Breaks.calls > Breaks.breaks_at else 1.0)


REGIMES["duel"] = Duel
'''


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    (tmp_path / "toy_of_a_stranger.py").write_text(TOY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(REGIMES, "duel", None)  # restored after the test
    monkeypatch.delitem(sys.modules, "toy_of_a_stranger", raising=False)
    return importlib.import_module("toy_of_a_stranger")


@pytest.fixture
def tiny(tmp_path: Path, cache: Path) -> TrainingConfig:
    return TrainingConfig(
        output=str(tmp_path / "tiny.safetensors"),
        run_folder=str(tmp_path / "run"),
        network=Architecture(prior_options={"widths": [4, 8], "blocks": [1, 1]}, n_iterations=1),
        images=ImageShares(procedural=2, cache=str(cache), shares={"procedural": 1.0}),
        scans=ScanRange(matrices=(24,), coils=(1, 2)),
        stages=(Stage(steps=5, voxels=600, learning_rate=0.03, ema_decay=0.5),),
        seed=4,
        workers=0,
    )


def in_folder(config: TrainingConfig, name: str) -> TrainingConfig:
    """The same training, in another folder."""
    folder = Path(config.run_folder).parent / name
    return replace(config, output=str(folder / "tiny.safetensors"), run_folder=str(folder / "run"))


def train(config: TrainingConfig, **how: bool) -> dict[str, torch.Tensor]:
    return load_file(fit(config, progress=False, **how))


def log_of(config: TrainingConfig, term: str = "loss") -> list[tuple[int, int, float]]:
    with (Path(config.run_folder) / "loss.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["term"] == term]
    return [(int(row["stage"]), int(row["step"]), float(row["value"])) for row in rows]


def run_script(text: str, folder: Path, *launcher: str) -> subprocess.CompletedProcess[str]:
    path = folder / "script.py"
    path.write_text(text)
    environment = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{Path.cwd()}", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *launcher, str(path)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
