"""`pirecon train` end to end in small: it learns stage by stage, and what it starts from."""

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import lightning.pytorch as pl
import pytest
import torch
from safetensors.torch import load_file

from pirecon.training import lightning_module
from pirecon.training.config import ConfigError, TrainingConfig
from pirecon.training.data import build_stream
from pirecon.training.fit import first_network, fit
from pirecon.training.lightning_module import learning_rate_course
from pirecon.training.regimes import Regime
from pirecon.training.single_prior import Denoiser, OnStartImage
from pirecon.unrolled import build_network, load_checkpoint
from tests.pirecon.training.conftest import in_folder, log_of, train

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning's own advice on workers and its deprecations


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


def test_a_refused_warm_start_names_what_has_to_be_the_same_and_nothing_else(tiny: TrainingConfig) -> None:
    train(tiny)
    other = replace(
        tiny.network,
        prior_options={"widths": [4, 6], "blocks": [1, 1]},
        n_iterations=3,
        scheme="admm",
        refine_maps=True,
    )
    with pytest.raises(ConfigError, match="checkpoint → config") as refused:
        first_network(replace(tiny, warm_start=tiny.output, network=other))
    assert "(checkpoint → config: prior_options.widths: [4, 8] → [4, 6]);" in str(refused.value)


@pytest.mark.parametrize(
    ("regime", "message"),
    [
        ("noise2noise", "needs 'kspace2' in every batch.*set averages = 2"),
        ("guided", "needs 'guide' in every batch.*kind = \"guided\""),
        ("bloch_consistency", "needs 'field_strength' in every batch.*\"examinations\""),
    ],
)
def test_a_regime_that_the_data_do_not_suit_is_refused_before_the_first_stage(
    tiny: TrainingConfig, regime: str, message: str
) -> None:
    config = replace(tiny, stages=(tiny.stages[0], replace(tiny.stages[0], regime=regime)))
    with pytest.raises(ConfigError, match=f"stages: item 1: .*{message}"):
        train(config)
    assert not (Path(config.run_folder) / "stage0").exists()


def test_data_that_are_not_there_are_an_error_of_the_config(tiny: TrainingConfig) -> None:
    images = replace(tiny.images, shares={"procedual": 1.0})
    with pytest.raises(ConfigError, match=r"data: unknown image sources \['procedual'\]"):
        train(replace(tiny, images=images))


def test_a_refused_config_can_be_mended_in_the_same_run_folder(tiny: TrainingConfig) -> None:
    config = replace(tiny, stages=(replace(tiny.stages[0], regime="noise2noise", steps=1),))
    with pytest.raises(ConfigError):
        train(config)
    train(replace(config, scans=replace(config.scans, averages=2)))
    assert len(log_of(config)) == 1


@pytest.mark.parametrize("alone", [OnStartImage, Denoiser])
def test_a_prior_alone_is_refused_data_without_truth(tiny: TrainingConfig, alone: type[Regime]) -> None:
    batch = build_stream(tiny, 0).batch(0)
    network = build_network(tiny.network)
    alone().check(network, batch)
    del batch["truth"]
    with pytest.raises(
        ValueError, match="a prior alone learns from the truth, but the batch has kspace, maps, weights"
    ):
        alone().check(network, batch)


def test_rendering_is_said_once_and_quiet_is_quiet(
    tiny: TrainingConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = replace(tiny, images=replace(tiny.images, cache=str(tmp_path / "new")))
    config = replace(config, stages=(replace(tiny.stages[0], steps=1),))
    fit(config)
    said = "".join(capsys.readouterr().err.split())  # lines are wrapped
    path = next((tmp_path / "new").glob("procedural-*.npy"))
    assert f"theimages'procedural'arerenderedonce,andkeptas{path}making2images" in said
    fit(in_folder(config, "again"))
    assert "images" not in capsys.readouterr().err
    fit(replace(in_folder(config, "quiet"), images=replace(tiny.images, cache=str(tmp_path / "other"))), progress=False)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("what", "n_priors"), [("prior", 2), ("denoiser", 0)])
def test_a_stage_of_the_prior_alone_ends_with_its_weights_in_every_prior(
    tiny: TrainingConfig, what: str, n_priors: int
) -> None:
    stage = replace(tiny.stages[0], train=what, steps=2)
    network = replace(tiny.network, n_priors=n_priors, n_iterations=3)
    weights = train(replace(tiny, network=network, stages=(stage,)))
    assert weights["priors.0.tail.weight"].abs().sum() > 0  # it started at zero
    for number in range(1, n_priors or 3):
        for name in (name for name in weights if name.startswith("priors.0.")):
            torch.testing.assert_close(weights[name.replace("priors.0.", f"priors.{number}.")], weights[name])


def test_half_precision_without_cuda_is_refused_before_anything_is_written(
    tiny: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match=r'precision = "16-mixed" needs CUDA.*"bf16-mixed" or "32-true"'):
        fit(replace(tiny, precision="16-mixed"), progress=False)
    assert not Path(tiny.run_folder).exists()


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
