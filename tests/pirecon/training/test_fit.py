"""`pirecon train` end to end in small: it learns, survives being killed, and says what stops it."""

import csv
import errno
import importlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import lightning.pytorch as pl
import pytest
import torch
from safetensors.torch import load_file

from pirecon.training import lightning_module
from pirecon.training.config import Stage, TrainingConfig
from pirecon.training.data import build_stream
from pirecon.training.fit import first_network, fit
from pirecon.training.lightning_module import learning_rate_course
from pirecon.training.scans.image_shares import ImageShares
from pirecon.training.scans.simulation import ScanRange
from pirecon.unrolled import Architecture, build_network, load_checkpoint

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning's own advice on workers and its deprecations

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


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    from pirecon.training.regimes import REGIMES

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


def test_trains_every_stage_and_the_same_seed_gives_the_same_weights(tiny: TrainingConfig) -> None:
    leg = replace(tiny.stages[0], steps=2)
    stages = (replace(leg, train="denoiser"), replace(leg, train="prior", loss={"l1": 1.0}), leg)
    config = replace(tiny, stages=stages, notes="by a test", precision="bf16-mixed")
    once = train(in_folder(config, "once"))
    again = train(in_folder(replace(config, workers=1), "again"))
    assert once.keys() == again.keys()
    for name in once:
        torch.testing.assert_close(again[name], once[name], rtol=0, atol=0)
    assert once["priors.0.tail.weight"].abs().sum() > 0  # it started at zero
    assert [row[:2] for row in log_of(in_folder(config, "once"))] == [(s, n) for s in (0, 1, 2) for n in (1, 2)]
    card = load_checkpoint(in_folder(config, "once").output)[1]
    assert card.training_range["coils"] == (1, 2)
    assert card.architecture == config.network
    assert all(part in card.notes for part in ("seed 4", "bf16-mixed", "by a test"))
    assert "100 % procedural" in card.data
    assert 0 < card.hours < 1


def test_priors_that_the_warm_start_lacks_begin_as_copies_of_its_last(tiny: TrainingConfig) -> None:
    trained = train(tiny)
    more = replace(tiny, warm_start=tiny.output, network=replace(tiny.network, n_priors=2, n_iterations=2))
    weights = first_network(more).state_dict()
    for name in (name for name in trained if name.startswith("priors.0.")):
        torch.testing.assert_close(weights[name], trained[name])
        torch.testing.assert_close(weights[name.replace("priors.0.", "priors.1.")], trained[name])
    second = in_folder(more, "second")
    train(second)
    with pytest.raises(ValueError, match="n_priors: 2 → 1"):  # none is dropped
        first_network(replace(tiny, warm_start=second.output))


def test_critic_and_network_learn_as_in_a_plain_loop(tiny: TrainingConfig, toy: ModuleType) -> None:
    stage = replace(tiny.stages[0], regime="duel", steps=2, ema_decay=0.0, critic_learning_rate=0.1, gradient_clip=0.0)
    config = replace(tiny, stages=(stage,))
    network = build_network(config.network)
    trained = train(config)
    critic = load_file(Path(config.run_folder) / "stage0" / "regime.safetensors")["critic.weight"]
    # The same by hand. The draws of the loss are those of the run's last call; the network's start is drawn anew.
    pl.seed_everything(config.seed, verbose=False)
    network, regime = build_network(config.network).train(), toy.Duel()
    rate = stage.learning_rate
    parts = [
        {"params": [*network.priors.parameters(), *regime.head.parameters()], "lr": rate},
        {"params": network.scalars(), "lr": 20 * rate, "weight_decay": 0.0},
    ]
    ours = torch.optim.AdamW(parts, weight_decay=1e-4, betas=(0.9, 0.99))
    theirs = torch.optim.AdamW(regime.critic.parameters(), lr=0.1, weight_decay=1e-4, betas=(0.9, 0.99))
    stream = iter(build_stream(config, 0))
    for step in range(2):
        course = learning_rate_course(step / 2, step)
        for optimizer, peaks in ((ours, (rate, 20 * rate)), (theirs, (0.1,))):
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["lr"] = peak * course
        torch.manual_seed(lightning_module.step_seed(config.seed, 0, 0, step))
        losses = regime(network, next(stream))
        own = torch.autograd.grad(losses.network, [p for g in parts for p in g["params"]], retain_graph=True)
        for parameter, gradient in zip([p for g in parts for p in g["params"]], own, strict=True):
            parameter.grad = gradient
        (regime.critic.weight.grad,) = torch.autograd.grad(losses.critic, [regime.critic.weight])
        ours.step()
        theirs.step()
    torch.testing.assert_close(critic, regime.critic.weight.detach())
    for name, weight in network.state_dict().items():
        torch.testing.assert_close(trained[name], weight)


def test_killed_and_resumed_is_as_never_interrupted(tiny: TrainingConfig, toy: ModuleType, tmp_path: Path) -> None:
    stage = replace(tiny.stages[0], regime="duel", steps=7)
    config = replace(tiny, stages=(stage,))
    whole = in_folder(config, "whole")
    expected = train(whole)
    # Resume point after step 3, killed in step 5: two steps are done again.
    dying = replace(config, stages=(replace(stage, options={"kill_at": 5}),), resume_minutes=0.0)
    done = run_script(
        f"import toy_of_a_stranger\nfrom pathlib import PosixPath\nfrom pirecon.training import resume\n"
        f"from pirecon.training.config import *\nfrom pirecon.training.data import Simulation\n"
        f"from pirecon.training.fit import fit\nfrom pirecon.training.scans.image_shares import ImageShares\n"
        f"from pirecon.training.scans.simulation import ScanRange\nfrom pirecon.unrolled import Architecture\n"
        f"from pirecon.training.config import TrainingConfig, Validation\n"
        f"write = resume.write_resume_point\n"
        f"resume.write_resume_point = lambda t, path: write(t, path) if t.global_step == 3 else None\n"
        f"fit({dying!r})\n",
        tmp_path,
    )
    assert done.returncode == -9, done.stderr
    assert not Path(config.output).exists()
    assert [step for _, step, _ in log_of(config)] == [1, 2, 3, 4, 5]
    resumed = train(config, changed=True)  # without the option that killed it
    assert resumed.keys() == expected.keys()
    for name in expected:
        torch.testing.assert_close(resumed[name], expected[name])
    for term in ("loss", "critic", "distance", "learning_rate"):
        assert [row[2] for row in log_of(config, term)] == pytest.approx([row[2] for row in log_of(whole, term)])
    heads = [load_file(Path(c.run_folder) / "stage0" / "regime.safetensors") for c in (config, whole)]
    for name in heads[1]:
        torch.testing.assert_close(heads[0][name], heads[1][name])


def test_minutes_end_a_stage_and_the_rate_follows_the_clock_over_an_interruption(
    tiny: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter(range(0, 10_000, 10))
    clock = SimpleNamespace(monotonic=lambda: float(next(seconds)))  # every step takes 10 s
    monkeypatch.setattr(lightning_module, "time", clock)
    stage = replace(tiny.stages[0], steps=0, minutes=1.0)
    config = replace(tiny, stages=(stage,), resume_minutes=0.0)
    finished = lightning_module.Training.training_step

    def interrupted(self: lightning_module.Training, batch: dict[str, torch.Tensor], index: int) -> None:
        if self.trainer.global_step == 4:
            raise RuntimeError("pulled the plug")
        finished(self, batch, index)

    with monkeypatch.context() as plug:
        plug.setattr(lightning_module.Training, "training_step", interrupted)
        with pytest.raises(RuntimeError, match="pulled the plug"):
            train(config)
    train(config)
    rates = [rate for _, _, rate in log_of(config, "learning_rate")]
    expected = [stage.learning_rate * learning_rate_course(n / 6, n) for n in range(6)]
    assert rates == pytest.approx(expected)


def test_a_loss_that_is_not_finite_stops_and_keeps_what_was_good(
    tiny: TrainingConfig, toy: ModuleType, tmp_path: Path
) -> None:
    network = replace(tiny.network, prior="toy_of_a_stranger:Breaks")
    config = replace(tiny, network=network, resume_minutes=0.0)
    toy.Breaks.calls = 0
    with pytest.raises(FloatingPointError, match=r"loss is nan in batch 3 of stage 0 .*--resume"):
        train(config)
    kept = torch.load(Path(config.run_folder) / "stage0" / "last.ckpt", weights_only=True)
    assert kept["global_step"] == 3
    assert all(torch.isfinite(value).all() for value in kept["state_dict"].values())
    toy.Breaks.breaks_at = 1000
    assert len(log_of(config)) == 3
    train(config)
    assert len(log_of(config)) == 5


def test_a_full_disk_is_said_and_the_resume_point_before_it_stays(
    tiny: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(tiny, resume_minutes=0.0)
    path = Path(config.run_folder) / "stage0" / "last.ckpt"
    save = pl.Trainer.save_checkpoint

    def fills_up(self: pl.Trainer, target: Path) -> None:
        if self.global_step == 3:
            Path(target).write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        save(self, target)

    with monkeypatch.context() as disk:
        disk.setattr(pl.Trainer, "save_checkpoint", fills_up)
        with pytest.raises(OSError, match=r"disk is full.*last.ckpt.*as it was"):
            train(config)
    assert torch.load(path, weights_only=True)["global_step"] == 2
    assert [p.name for p in path.parent.glob("*.part")] == []
    assert [p.name for p in path.parent.glob(".*.part")] == []


def test_a_damaged_resume_point_is_refused(tiny: TrainingConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(tiny.run_folder) / "stage0" / "last.ckpt"
    train(replace(tiny, resume_minutes=0.0))
    (path.parent / "weights.safetensors").unlink()
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ValueError, match=r"last.ckpt cannot be read, it is damaged.*delete it"):
        train(tiny)
    torch.save({"global_step": 3}, path)
    with pytest.raises(ValueError, match=r"last.ckpt was written by another version.*--fresh"):
        train(tiny)
    train(tiny, fresh=True)
    assert not path.exists()


def test_a_run_of_another_config_is_not_mixed_with_this_one(tiny: TrainingConfig) -> None:
    first = train(tiny)
    other = replace(tiny, seed=5, stages=(replace(tiny.stages[0], learning_rate=0.01),), notes="free to change")
    with pytest.raises(ValueError, match=r"seed: 4 → 5; stages\[0\].learning_rate: 0.03 → 0.01.*--resume.*--fresh"):
        train(other)
    kept = train(other, changed=True)  # the stage was finished
    torch.testing.assert_close(kept["log_weight"], first["log_weight"], rtol=0, atol=0)
    anew = train(replace(other, seed=6), fresh=True)
    assert not torch.equal(anew["log_weight"], first["log_weight"])


def test_two_processes_share_one_network_and_one_of_them_writes(
    tiny: TrainingConfig, toy: ModuleType, tmp_path: Path
) -> None:
    stage = replace(tiny.stages[0], regime="duel", steps=3)
    config = replace(tiny, stages=(stage,), resume_minutes=0.0)
    done = run_script(
        f"import toy_of_a_stranger as toy\nimport json, os\nfrom pathlib import PosixPath\n"
        f"from safetensors.torch import save_file\nfrom pirecon.training.config import *\n"
        f"from pirecon.training import fit as module, processes\n"
        f"from pirecon.training.data import Simulation, build_stream\n"
        f"from pirecon.training.scans.image_shares import ImageShares\n"
        f"from pirecon.training.scans.simulation import ScanRange\nfrom pirecon.unrolled import Architecture\n"
        f"saved = []\nreal = module.save_checkpoint\n"
        f"module.save_checkpoint = lambda path, *rest: (saved.append(str(path)), real(path, *rest))\n"
        f"config = {config!r}\n"
        f"module.fit(config)\n"
        f"rank = processes.rank()\n"
        f"first = build_stream(config, 0, process=rank).batch(0)['truth'].abs().sum().item()\n"
        f"open(r'{tmp_path}' + f'/rank{{rank}}.json', 'w').write(json.dumps([saved, first]))\n"
        f"weights = {{n: w.contiguous() for n, w in toy.Duel.last_network.state_dict().items()}}\n"
        f"save_file(weights, r'{tmp_path}' + f'/rank{{rank}}.safetensors')\n",
        tmp_path,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node=2",
    )
    assert done.returncode == 0, done.stderr
    (saved, first), (saved_by_second, second) = (
        json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in (0, 1)
    )
    assert len(saved) == 2
    assert saved_by_second == []
    assert first != second  # other scans
    weights = [load_file(tmp_path / f"rank{rank}.safetensors") for rank in (0, 1)]
    written = load_file(config.output)
    for name in written:
        torch.testing.assert_close(weights[1][name], weights[0][name], rtol=0, atol=0)
        torch.testing.assert_close(written[name], weights[0][name], rtol=0, atol=0)
    assert [step for _, step, _ in log_of(config)] == [1, 2, 3]
