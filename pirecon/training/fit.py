"""Train an unrolled network on simulated scans, with Lightning."""

from __future__ import annotations

import math
import shlex
import sys
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.utils.data import DataLoader

from pirecon.encoding import CartesianSense
from pirecon.training.config import Stage, TrainingConfig
from pirecon.training.losses import log_squared_error
from pirecon.training.regimes import build_regime
from pirecon.training.scans.sources import load_sources
from pirecon.training.scans.stream import ScanStream, Source
from pirecon.unrolled.checkpoint import ModelCard, build_network, load_checkpoint, save_checkpoint
from pirecon.unrolled.network import UnrolledNetwork

WARM_UP = 100  # steps


class Training(pl.LightningModule):
    """One stage of training: loss, optimiser and learning-rate course."""

    def __init__(self, network: UnrolledNetwork, stage: Stage) -> None:
        super().__init__()
        self.network, self.stage = network, stage
        self.regime = build_regime(stage.regime, stage.options)

    def training_step(self, batch: dict[str, Tensor], index: int) -> Tensor:
        if self.stage.train == "prior":
            E = CartesianSense(batch["maps"], batch["weights"])
            x, noise_level = self.network.start(E.adjoint(batch["kspace"]), E)
            loss = log_squared_error(self.network.priors[0](x, noise_level), batch["truth"])
        else:
            loss = self.regime(self.network, batch).network
        if not torch.isfinite(loss):
            raise FloatingPointError(
                f"the loss is {loss.item()} in batch {index}; "
                f"the last resume point is kept in {self.trainer.default_root_dir}"
            )
        self.log("loss", loss, prog_bar=True)
        return loss

    def configure_optimizers(self) -> OptimizerLRScheduler:
        rate = self.stage.learning_rate
        scalars = [self.network.log_weight, self.network.log_noise_scale]
        groups = [
            {"params": list(self.network.priors.parameters()), "lr": rate},
            # Logarithms of λ and of the noise scale have far to go in steps of the learning rate, and never decay.
            {"params": scalars, "lr": 20 * rate, "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, weight_decay=1e-4, betas=(0.9, 0.99))
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, self._course)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def _course(self, step: int) -> float:
        progress = min(1.0, step / self.stage.steps)
        return min(1.0, (step + 1) / WARM_UP) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))


def fit(config: TrainingConfig, *, progress: bool = True) -> Path:
    """Train by ``config`` and write its checkpoint.

    An interrupted run goes on from its last resume point (written every two minutes) when called again.

    Args:
        config: what to train on what.
        progress: show bars.

    Returns:
        Path of the checkpoint.
    """
    pl.seed_everything(config.seed, workers=True)
    sources = load_sources(config.images)
    network = load_checkpoint(config.warm_start)[0] if config.warm_start else build_network(config.network)
    network.train()
    for number in range(len(config.stages)):
        network = _run_stage(network, number, sources=sources, config=config, progress=progress)
    output = Path(config.output)
    save_checkpoint(output, network, model_card(config))
    return output


def _run_stage(
    network: UnrolledNetwork, number: int, *, sources: list[Source], config: TrainingConfig, progress: bool
) -> UnrolledNetwork:
    stage = config.stages[number]
    folder = Path(config.run_folder) / f"stage{number}"
    finished, resume = folder / "weights.safetensors", folder / "last.ckpt"
    if finished.exists():
        return load_checkpoint(finished)[0].train()
    trainer = _trainer(folder, stage, config, progress=progress)
    start = torch.load(resume, weights_only=False)["global_step"] if resume.exists() else 0
    seed = config.seed + 1000 * number + 100 * trainer.global_rank  # another stream for every stage and process
    stream = ScanStream(sources, config.scans, voxels=stage.voxels, seed=seed, start=start)
    prefetch = 4 if config.workers else None
    loader = DataLoader(stream, batch_size=None, num_workers=config.workers, prefetch_factor=prefetch)
    trainer.fit(Training(network, stage), loader, ckpt_path=resume if start else None, weights_only=False)
    if trainer.global_step < stage.steps:
        raise KeyboardInterrupt(
            f"stopped in stage {number} at step {trainer.global_step}; run the command again to go on"
        )
    if trainer.is_global_zero:
        save_checkpoint(finished, network, model_card(config))
    return network


def _trainer(folder: Path, stage: Stage, config: TrainingConfig, *, progress: bool) -> pl.Trainer:
    resume_points = ModelCheckpoint(
        folder, save_last=True, save_top_k=0, train_time_interval=timedelta(minutes=2), enable_version_counter=False
    )
    return pl.Trainer(
        default_root_dir=folder,
        accelerator="auto",
        max_steps=stage.steps,
        max_epochs=-1,
        precision=config.precision,  # type: ignore[arg-type]
        gradient_clip_val=1.0,
        logger=TensorBoardLogger(folder, name="", version=""),
        log_every_n_steps=20,
        enable_progress_bar=progress,
        enable_model_summary=False,
        use_distributed_sampler=False,
        callbacks=[
            EMAWeightAveraging(decay=stage.ema_decay),
            resume_points,
            *([TQDMProgressBar(refresh_rate=20)] if progress else []),
        ],
    )


def model_card(config: TrainingConfig) -> ModelCard:
    """Card of the network that ``config`` trains, before it is measured."""
    scans = config.scans
    return ModelCard(
        architecture=config.network,
        version=version("pirecon"),
        command=shlex.join(["pirecon", *sys.argv[1:]]),
        training_range={
            "snr": scans.snr,
            "acceleration": scans.acceleration,
            "super_resolution": scans.super_resolution,
            "coils": (min(scans.coils), max(scans.coils)),
            "field_strength": config.images.field_strength,
        },
        notes=config.notes,
    )
