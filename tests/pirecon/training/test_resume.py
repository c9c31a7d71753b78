"""What stops a training, by force or by a fault, is said, and the next call goes on where it was."""

import errno
import os
import signal
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import lightning.pytorch as pl
import pytest
import torch
from safetensors.torch import load_file

from pirecon.training import lightning_module
from pirecon.training.config import TrainingConfig
from pirecon.training.fit import fit
from pirecon.training.lightning_module import learning_rate_course
from tests.pirecon.training.conftest import in_folder, log_of, run_script, train

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning's own advice on workers and its deprecations


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
        f"from pirecon.training.scans.scan_range import ScanRange\nfrom pirecon.unrolled import Architecture\n"
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


def test_an_interruption_says_where_it_stopped_and_what_to_do(
    tiny: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished = lightning_module.Training.training_step

    def interrupted(self: lightning_module.Training, batch: dict[str, torch.Tensor], index: int) -> None:
        if self.trainer.global_step == 2:
            os.kill(os.getpid(), signal.SIGINT)
        finished(self, batch, index)

    monkeypatch.setattr(lightning_module.Training, "training_step", interrupted)
    handler = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(KeyboardInterrupt, match="stopped in stage 0 at step 2; run the command again to go on"):
            train(tiny)
    finally:
        signal.signal(signal.SIGINT, handler)  # Lightning lets the process ignore the signal from then on


def test_what_an_earlier_run_has_done_is_said(
    tiny: TrainingConfig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = replace(tiny, stages=(replace(tiny.stages[0], steps=1), tiny.stages[0]))
    finished = lightning_module.Training.training_step

    def run_until(step: int, *, resume_minutes: float) -> str:
        def interrupted(self: lightning_module.Training, batch: dict[str, torch.Tensor], index: int) -> None:
            if (self.number, self.trainer.global_step) == (1, step):
                raise RuntimeError("pulled the plug")
            finished(self, batch, index)

        monkeypatch.setattr(lightning_module.Training, "training_step", interrupted)
        with suppress(RuntimeError):
            fit(replace(config, resume_minutes=resume_minutes))
        return " ".join(capsys.readouterr().err.split())

    first = run_until(2, resume_minutes=100)
    assert not any(words in first for words in ("before", "anew", "goes on"))
    second = run_until(3, resume_minutes=0)
    assert "finished before and kept: stage 0 stage 1 begins anew: it was interrupted before its first" in second
    third = run_until(-1, resume_minutes=0)
    assert "finished before and kept: stage 0 stage 1 goes on from step 3" in third
    assert [row[:2] for row in log_of(config)] == [(0, 1), *((1, n) for n in range(1, 6))]
    again = run_until(-1, resume_minutes=0)
    expected = f"every stage in {config.run_folder} was finished before: nothing is left to train"
    assert again.replace(" ", "") == expected.replace(" ", "")  # the console breaks the path


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
