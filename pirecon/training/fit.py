"""Train an unrolled network, stage by stage, with Lightning."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path

import lightning.pytorch as pl
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities.seed import isolate_rng
from rich.console import Console
from safetensors.torch import save_file
from torch.utils.data import DataLoader

from pirecon.training.averaging import AveragedWeights
from pirecon.training.card import measured, model_card
from pirecon.training.config import ConfigError, Stage, TrainingConfig
from pirecon.training.data import build_stream
from pirecon.training.lightning_module import Training
from pirecon.training.loss_log import LossLog
from pirecon.training.processes import (
    UnwrappedProcesses,
    process_count,
    process_group,
    processes_here,
    rank,
    wait_for_all,
)
from pirecon.training.regimes import Regime, build_regime
from pirecon.training.resume import ResumePoints, open_run_folder, read_resume_point
from pirecon.training.single_prior import Denoiser, OnStartImage, share_first_prior
from pirecon.training.tables import differences
from pirecon.unrolled import UnrolledNetwork, build_network, load_checkpoint, save_checkpoint


def fit(config: TrainingConfig, *, progress: bool = True, fresh: bool = False, changed: bool = False) -> Path:
    """Train by ``config`` and write its checkpoint.

    An interrupted run goes on from its last resume point when called again.

    Args:
        config: what to train on what.
        progress: print what is rendered, what an earlier run has done, and the course of the loss.
        fresh: delete what an earlier run left in the run folder.
        changed: go on with an earlier run though its config was another; finished stages stay as they are.

    Returns:
        Path of the checkpoint.

    Raises:
        ConfigError: a name or an option that does not exist, a precision that needs CUDA without it, a warm start of
            other priors, data that are not there, or that lack what a stage's regime learns from.
        ValueError: a run folder of another config, a damaged resume point.
        KeyboardInterrupt: Ctrl-C or SIGTERM; says where it stopped.
        FloatingPointError: a loss or gradient that is not finite.
        OSError: a resume point cannot be written, as on a full disk.
    """
    if config.precision == "16-mixed" and not torch.cuda.is_available():
        raise ConfigError(
            'precision = "16-mixed" needs CUDA, and torch finds none here; take "bf16-mixed" or "32-true"'
        )
    console = Console(stderr=True, quiet=not progress or rank() > 0)
    with process_group(), _without_advice(), _log_lines_on(console):
        pl.seed_everything(config.seed, workers=True, verbose=False)
        network = first_network(config).train()
        regimes = []
        for number, stage in enumerate(config.stages):
            with _config_error(f"stages: item {number}"):
                regimes.append(build_stage(stage))
        folder = open_run_folder(config, fresh=fresh, changed=changed)
        _say_what_is_finished(console, config)
        if rank() == 0:  # renders what is not there yet, before the other processes look for it
            _check_batches(config, network, regimes)
        wait_for_all()
        for number, regime in enumerate(regimes):
            network = _run_stage(network, regime, number, config=config, console=console)
        output = Path(config.output)
        if rank() == 0:
            card, dtype = model_card(config, folder / "loss.csv"), getattr(torch, config.stored)
            save_checkpoint(output, network, card, dtype=dtype)
            if config.validation.brains:
                save_checkpoint(output, network, measured(card, output, config), dtype=dtype)
        wait_for_all()
    return output


def first_network(config: TrainingConfig) -> UnrolledNetwork:
    """The network before the first step: as it is built, with the weights of ``warm_start`` where there is one.

    Another scheme or another number of iterations than that of the checkpoint is allowed; its λ and noise scales are
    taken where they fit. Priors that the checkpoint has no more of start as copies of its last.

    Raises:
        ConfigError: a prior, scheme, option or checkpoint that does not exist; priors that are not those of the config,
            or more.
    """
    with _config_error("network"):
        network = build_network(config.network)
    if not config.warm_start:
        return network
    with _config_error("warm_start"):
        source, card = load_checkpoint(config.warm_start)
    n_before = len(source.priors)
    source.priors.extend(deepcopy(source.priors[-1]) for _ in range(len(network.priors) - len(source.priors)))
    weights, wanted = source.state_dict(), network.state_dict()
    fits = {name: w for name, w in weights.items() if name in wanted and w.shape == wanted[name].shape}
    if any(name.startswith("priors.") and name not in fits for name in wanted | weights):
        both = (card.architecture, config.network)  # whose scheme and iterations may differ
        before, after = ({"prior": a.prior, "prior_options": a.prior_options} for a in both)
        found = differences(before, after)
        if n_before > len(network.priors):
            found.append(f"n_priors: {n_before} → {len(network.priors)}")
        raise ConfigError(
            f"the priors of warm_start = {config.warm_start!r} are not those of [network] (checkpoint → config: "
            f"{'; '.join(found)}); write the checkpoint's values into [network], or leave warm_start out"
        )
    network.load_state_dict(wanted | fits)
    return network


def build_stage(stage: Stage) -> Regime:
    """What a stage lowers.

    Raises:
        ValueError: unknown regime, loss or option.
    """
    options = {**stage.options, **({"loss": stage.loss} if stage.loss else {})}
    if stage.train == "unrolled":
        return build_regime(stage.regime, options)
    try:
        return OnStartImage(**options) if stage.train == "prior" else Denoiser(**options)  # type: ignore[arg-type]
    except TypeError as error:
        raise ValueError(
            f"a stage with train = {stage.train!r} does not take these options: {options} ({error})"
        ) from error


def _run_stage(
    network: UnrolledNetwork, regime: Regime, number: int, *, config: TrainingConfig, console: Console
) -> UnrolledNetwork:
    stage, folder = config.stages[number], Path(config.run_folder) / f"stage{number}"
    finished, resume = _weights_of(folder.parent, number), folder / "last.ckpt"
    if finished.exists():
        return load_checkpoint(finished)[0].train()
    start = read_resume_point(resume)["global_step"] if resume.exists() else 0
    if start:
        _say(console, f"stage {number} goes on from step {start}, its last resume point")
    elif folder.exists():
        _say(console, f"stage {number} begins anew: it was interrupted before its first resume point")
    training = Training(network, regime, stage, seed=config.seed, number=number)
    trainer = _trainer(
        folder,
        stage,
        config,
        callbacks=[
            AveragedWeights(training, stage.ema_decay),
            LossLog(training, Path(config.run_folder) / "loss.csv", console),
            ResumePoints(training, resume, config.resume_minutes),
        ],
    )
    stream = build_stream(config, number, process=rank(), start=start)
    loader = DataLoader(
        stream, batch_size=None, num_workers=config.workers, prefetch_factor=4 if config.workers else None
    )
    try:
        trainer.fit(training, loader, ckpt_path=resume if start else None, weights_only=True)
        stopped = training.progress < 1  # earlier versions of Lightning come back from Ctrl-C as if all were done
    except SystemExit:  # later ones end the process without a word
        stopped = True
    if stopped:
        raise KeyboardInterrupt(
            f"stopped in stage {number} at step {trainer.global_step}; run the command again to go on"
        )
    if stage.train != "unrolled":
        share_first_prior(network)
    if trainer.is_global_zero:
        save_checkpoint(finished, network, model_card(config, Path(config.run_folder) / "loss.csv"))
        state = {name: tensor.detach().cpu().contiguous() for name, tensor in regime.state_dict().items()}
        if state:
            save_file(state, folder / "regime.safetensors")
    wait_for_all()
    return network


def _check_batches(config: TrainingConfig, network: UnrolledNetwork, regimes: list[Regime]) -> None:
    """Draw the first batch of every stage that is not finished, and ask its regime whether it can learn from that."""
    for number, regime in enumerate(regimes):
        if _weights_of(Path(config.run_folder), number).exists():
            continue
        # Streams have generators of their own; those of a stranger may not.
        with _config_error("data"), isolate_rng():
            batch = next(iter(build_stream(config, number)))
        with _config_error(f"stages: item {number}"):
            regime.check(network, batch)


def _say_what_is_finished(console: Console, config: TrainingConfig) -> None:
    numbers = range(len(config.stages))
    finished = [str(number) for number in numbers if _weights_of(Path(config.run_folder), number).exists()]
    if len(finished) == len(numbers):
        _say(console, f"every stage in {config.run_folder} was finished before: nothing is left to train")
    elif finished:
        _say(console, f"finished before and kept: stage {', '.join(finished)}")


def _weights_of(run_folder: Path, number: int) -> Path:
    """Of a stage, once it is finished."""
    return run_folder / f"stage{number}" / "weights.safetensors"


@contextmanager
def _config_error(where: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, FileNotFoundError) as error:
        raise ConfigError(f"{where}: {error}") from error


def _say(console: Console, line: str) -> None:
    console.print(line, highlight=False, markup=False)


class _ConsoleLines(logging.Handler):
    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console = console

    def emit(self, record: logging.LogRecord) -> None:
        _say(self.console, record.getMessage())


@contextmanager
def _log_lines_on(console: Console) -> Iterator[None]:
    """What pirecon logs, such as that images are rendered, is printed."""
    logger, lines = logging.getLogger("pirecon"), _ConsoleLines(console)
    level = logger.level
    logger.addHandler(lines)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(lines)
        logger.setLevel(level)


@contextmanager
def _without_advice() -> Iterator[None]:
    """Lightning speaks to those who write training loops, not to those who call one."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"lightning\.")
        yield


def _trainer(folder: Path, stage: Stage, config: TrainingConfig, *, callbacks: list[pl.Callback]) -> pl.Trainer:
    several = process_count() > 1
    return pl.Trainer(
        default_root_dir=folder,
        accelerator="auto",
        devices=processes_here(),
        num_nodes=process_count() // processes_here(),
        strategy=UnwrappedProcesses() if several else "auto",
        max_steps=stage.steps or -1,
        max_epochs=-1,
        precision=config.precision,  # type: ignore[arg-type]
        logger=TensorBoardLogger(folder, name="", version=""),
        log_every_n_steps=20,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        use_distributed_sampler=False,
        callbacks=callbacks,
    )
