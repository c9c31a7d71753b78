"""Several processes train one network."""

import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import torch
from safetensors.torch import load_file

from pirecon.training.config import TrainingConfig
from tests.pirecon.training.conftest import log_of, run_script


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
        f"from pirecon.training.scans.scan_range import ScanRange\nfrom pirecon.unrolled import Architecture\n"
        f"saved = []\nreal = module.save_checkpoint\n"
        f"module.save_checkpoint = lambda path, *rest, **how: (saved.append(str(path)), real(path, *rest, **how))\n"
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
