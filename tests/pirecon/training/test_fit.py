"""`pirecon train` end to end in small: it learns, goes on after an interruption, and checks its config."""

from pathlib import Path

import pytest
import torch

from pirecon.training.config import read_config
from pirecon.training.fit import fit
from pirecon.unrolled import load_checkpoint

CONFIG = """
output = "{folder}/tiny.safetensors"
run_folder = "{folder}/run"
workers = 0
seed = 4

[network]
prior_options = {{ widths = [4, 8], blocks = [1, 1] }}
n_iterations = 2

[images]
procedural = 2
brains = 1
cache = "{folder}/cache"
shares = {{ procedural = 0.5, brains = 0.5 }}

[scans]
matrices = [32]
coils = [1, 2]

[[stages]]
train = "prior"
steps = 2
voxels = 2048
ema_decay = 0.5

[[stages]]
train = "unrolled"
steps = {steps}
voxels = 2048
ema_decay = 0.5
"""


def config_file(folder: Path, *, steps: int = 3, text: str = CONFIG) -> Path:
    path = folder / "config.toml"
    path.write_text(text.format(folder=folder, steps=steps))
    return path


@pytest.mark.filterwarnings("ignore")  # Lightning's own advice on workers and its deprecations
def test_trains_resumes_and_gives_the_same_weights(tmp_path: Path) -> None:
    for name in ("once", "again"):
        (tmp_path / name).mkdir()
    whole = fit(read_config(config_file(tmp_path / "once")), progress=False)
    network, card = load_checkpoint(whole)
    assert card.training_range["coils"] == (1, 2)
    assert card.architecture.n_iterations == 2
    assert network.priors[0].tail.weight.abs().sum() > 0  # it started at zero
    # A second run that finds the first stage done takes it up there and ends at the same weights.
    again = tmp_path / "again"
    config = read_config(config_file(again))
    fit(config, progress=False)
    for name in ("stage1/weights.safetensors", "tiny.safetensors"):
        (again / "run" / name if "/" in name else again / name).unlink()
    resumed, _ = load_checkpoint(fit(config, progress=False))
    for a, b in zip(network.state_dict().values(), resumed.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b)


def test_unknown_key_names_the_nearest(tmp_path: Path) -> None:
    text = CONFIG.replace("n_iterations", "n_iteration")
    with pytest.raises(ValueError, match=r"unknown key 'n_iteration'.*did you mean 'n_iterations'"):
        read_config(config_file(tmp_path, text=text))


def test_missing_output_and_broken_toml_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("seed = 3\n")
    with pytest.raises(ValueError, match=r"a.toml.*output"):
        read_config(tmp_path / "a.toml")
    (tmp_path / "b.toml").write_text("seed = = 3\n")
    with pytest.raises(ValueError, match=r"b.toml is not valid TOML"):
        read_config(tmp_path / "b.toml")
    with pytest.raises(FileNotFoundError, match=r"no config file"):
        read_config(tmp_path / "c.toml")
