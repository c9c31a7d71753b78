"""What a training config may hold, and what is said of one that does not fit."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
import torch

from pirecon.training.config import ConfigError, Stage, TrainingConfig, Validation, read_config
from pirecon.training.data import KINDS
from pirecon.training.evaluation.benchmark import Case, Cells, scan_case
from pirecon.training.evaluation.held_out import HeldOut
from pirecon.training.scans.image_shares import ImageShares
from pirecon.training.scans.scan_range import ScanRange
from pirecon.training.tables import differences

WHOLE = """
output = "a.safetensors"
[network]
n_iterations = 2
[images]
volumes = ["brains/one.nii.gz"]
shares = { procedural = 1 }
[scans]
snr = [3, 30]
coils = [1, 2]
[validation]
brains = 1
coils = [[1, 1], [4, 8]]
[[stages]]
train = "prior"
steps = 3
loss = { l1 = 1, ssim = 0.5 }
[[stages]]
regime = "supervised"
minutes = 0.5
gradient_clip = 0
"""


def read(folder: Path, text: str) -> TrainingConfig:
    (folder / "config.toml").write_text(text)
    return read_config(folder / "config.toml")


def test_every_table_becomes_its_dataclass(tmp_path: Path) -> None:
    config = read(tmp_path, WHOLE)
    assert [stage.train for stage in config.stages] == ["prior", "unrolled"]
    assert config.stages[0].loss == {"l1": 1.0, "ssim": 0.5}
    assert (config.stages[1].steps, config.stages[1].minutes) == (0, 0.5)
    assert config.scans.snr == (3.0, 30.0)
    assert config.validation.coils == ((1, 1), (4, 8))
    assert config.images.volumes == (str(tmp_path / "brains" / "one.nii.gz"),)  # from the config's folder


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("n_iterations", "n_iteration", "network: unknown key 'n_iteration' .*did you mean 'n_iterations'"),
        ("[scans]", "[scan]", "unknown key 'scan' .*did you mean 'scans'"),
        ("steps = 3", 'steps = "3"', "stages: item 0: steps: expected a whole number, found '3'"),
        ("steps = 3", "steps = 2.5", "steps: expected a whole number, found 2.5"),
        ("steps = 3", "steps = true", "steps: expected a whole number, found True"),
        ("steps = 3", "steps = -3", "stages: item 0: steps is -3; expected at least 0"),
        ("steps = 3", "steps = 0", "steps and minutes are both 0"),
        ("minutes = 0.5", "minutes = inf", "minutes: expected a finite number, found inf"),
        ("steps = 3", "steps = 3\nlearning_rate = -1", "learning_rate is -1.0; expected above 0"),
        ("steps = 3", "steps = 3\nema_decay = 1", "ema_decay is 1.0; expected at least 0 and below 1"),
        ('train = "prior"', 'train = "priors"', "train is 'priors'; did you mean 'prior'"),
        ('train = "prior"', 'train = "prior"\nregime = "ssdu"', "the regime 'ssdu' trains a whole network"),
        ("snr = [3, 30]", "snr = [3, 10, 30]", "scans: snr: expected 2 values, found 3"),
        ("snr = [3, 30]", "snr = 3", "scans: snr: expected a list in brackets, found 3"),
        ("coils = [1, 2]", 'coils = [1, "two"]', "scans: coils: item 1: expected a whole number, found 'two'"),
        (
            "brains = 1",
            "brains = 1\nmatrix = 32",
            r"validation: R = 3 measures 11 of matrix = 32 lines; .* 16 calibration",
        ),
        ("brains = 1", "brains = 1\nmatrix = 129", "validation: matrix is 129; expected an even number"),
        ("brains = 1", "brains = 1\naccelerations = [0.5]", "an acceleration is 0.5; expected at least 1"),
        ("brains = 1", "brains = 1\nsnr = []", "validation: snr is empty; give at least one"),
        (
            "snr = [3, 30]",
            "snr = [40, 2]",
            r"scans: snr is \(40.0, 2.0\); expected \(lowest, highest\), finite and above 0",
        ),
        ("snr = [3, 30]", "snr = [0, 2]", r"scans: snr is \(0.0, 2.0\)"),
        ("snr = [3, 30]", "acceleration = [0.5, 2]", r"scans: acceleration is \(0.5, 2.0\); .*at least 1"),
        (
            "snr = [3, 30]",
            "acceleration = [3, 2]",
            r"scans: acceleration is \(3.0, 2.0\); expected \(lowest, highest\)",
        ),
        ("snr = [3, 30]", "super_resolution = [2, 1]", r"scans: super_resolution is \(2.0, 1.0\)"),
        ("coils = [1, 2]\n[val", "coils = [0, 2]\n[val", r"scans: coils is \(0, 2\); .*of at least 1"),
        ("coils = [1, 2]\n[val", "coils = []\n[val", r"scans: coils is \(\); expected one or more"),
        ("snr = [3, 30]", "matrices = [64, 8]", r"scans: matrices is \(64, 8\); .*of at least 16"),
        ("snr = [3, 30]", "rough_phase = 1.5", "scans: rough_phase is 1.5; expected a share of the scans, 0 to 1"),
        ("snr = [3, 30]", "lost_samples = -0.1", "scans: lost_samples is -0.1; expected a share"),
        ("l1 = 1", 'l1 = "much"', "loss: l1: expected a number, found 'much'"),
        ("a.safetensors", "a.pt", "output is 'a.pt'; a checkpoint's name ends in .safetensors"),
        ("[network]", 'precision = "bf-mixed"\n[network]', "precision is 'bf-mixed'; did you mean 'bf16-mixed'"),
        (
            "[network]\nn_iterations = 2",
            "network = 3",
            "network: expected a table with the keys of Architecture, found 3",
        ),
        (
            "[network]",
            '[data]\nkind = "simulations"\n[network]',
            "data: kind is 'simulations'; did you mean 'simulation'",
        ),
        ("[network]", "[data]\nfolder = 3\n[network]", "data: unknown key 'folder' for Simulation"),
        ('output = "a.safetensors"', "seed = 3", "config.toml: .*'output'"),
        ("n_iterations = 2", "n_iterations = = 2", "config.toml is not valid TOML"),
    ],
)
def test_what_does_not_fit_is_named_with_file_and_key(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in WHOLE
    with pytest.raises(ValueError, match=f"config.toml.*{message}" if "config.toml" not in message else message):
        read(tmp_path, WHOLE.replace(old, new, 1))


@pytest.mark.parametrize(
    ("kind", "table", "line"),
    [
        ("examinations", "scans", "averages = 2"),
        ("examinations", "scans", "lost_samples = 0.5"),
        ("examinations", "scans", "line_window = 0.1"),
        ("examinations", "scans", "noise_profile = 0.1"),
        ("examinations", "scans", "rough_phase = 0.0"),
        ("examinations", "scans", "line_modulation = 0.0"),
        ("examinations", "images", "knees = 3"),
        ("volumes", "scans", "line_window = 0.1"),
        ("volumes", "images", "shares = { procedural = 1 }"),
        ("played", "scans", "coils = [1, 2]"),
        ("played", "images", "field_strength = [0.1, 0.1]"),
        ("recorded", "scans", "snr = [2, 3]"),
        ("recorded", "images", 'volumes = ["a.nii"]'),
    ],
)
def test_what_a_kind_of_data_does_not_use_is_refused(tmp_path: Path, kind: str, table: str, line: str) -> None:
    files = 'files = ["raw.h5"]\n' if kind == "recorded" else ""
    text = f'output = "a.safetensors"\n[data]\nkind = "{kind}"\n{files}[images]\ncache = "c"\n'
    read(tmp_path, text)
    more = text + line if table == "images" else f"{text}[scans]\n{line}"
    key = line.split()[0]
    with pytest.raises(ValueError, match=f"config.toml: {table}: {key} is .*'{kind}' do not use it; leave it out"):
        read(tmp_path, more)


@pytest.mark.parametrize("kind", ["simulation", "guided"])
def test_simulated_slices_use_all_there_is(kind: str) -> None:
    scans = {f.name for f in fields(ScanRange)}
    assert (set(KINDS[kind].scan_keys), set(KINDS[kind].image_keys)) == (scans, {f.name for f in fields(ImageShares)})


def test_no_file_and_no_stage(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no config file .*c\.toml"):
        read_config(tmp_path / "c.toml")
    with pytest.raises(ValueError, match=r"give at least one \[\[stages\]\]"):
        read(tmp_path, 'output = "a.safetensors"\nstages = []\n')


def test_names_are_looked_up_before_anything_is_rendered(tmp_path: Path) -> None:
    from pirecon.training.fit import fit

    base = f'output = "{tmp_path}/a.safetensors"\nrun_folder = "{tmp_path}/run"\n[images]\ncache = "{tmp_path}/cache"\n'
    prior = {"widths": [4], "blocks": [1]}
    small = f"[network]\nprior_options = {{ widths = {prior['widths']}, blocks = {prior['blocks']} }}\n"
    for text, message in (
        ('[network]\nprior = "unett"\n', "network: there is no prior called 'unett'"),
        ('[network]\nscheme = "moddl"\n', "network: there is no scheme called 'moddl'"),
        ('warm_start = "defualt"\n', "warm_start: there is no checkpoint 'defualt'"),
        (
            small + '[[stages]]\nsteps = 1\n[[stages]]\nregime = "supervise"\nsteps = 1\n',
            "stages: item 1: there is no training regime called 'supervise'",
        ),
        (small + "[[stages]]\nsteps = 1\nloss = { l3 = 1 }\n", "no loss called 'l3'"),
        (small + "[[stages]]\nsteps = 1\noptions = { sharpness = 1 }\n", "does not take these options.*sharpness"),
        (small + '[[stages]]\ntrain = "denoiser"\nsteps = 1\noptions = { levels = [0, 1] }\n', "noise level, above 0"),
    ):
        with pytest.raises(ConfigError, match=message):
            fit(read(tmp_path, text + base if text.startswith("warm") else base + text), progress=False)
        assert not (tmp_path / "cache").exists()
        assert not (tmp_path / "run").exists()


def test_differences_name_every_value_that_changed() -> None:
    before = {"seed": 1, "scans": {"snr": [2, 40], "coils": [1]}, "stages": [{"steps": 3}, {"steps": 4}]}
    after = {"seed": 1, "scans": {"snr": [2, 20], "coils": [1]}, "stages": [{"steps": 3}, {"steps": 5}], "new": True}
    assert differences(before, before) == []
    found = differences(before, after)
    assert found == ["new: None → True", "scans.snr: [2, 40] → [2, 20]", "stages[1].steps: 4 → 5"]
    assert all(re.match(r"\S+: .* → ", line) for line in found)


def test_what_a_validation_may_be_can_be_scanned() -> None:
    asked = Validation(brains=1, matrix=48, accelerations=(1.0, 3.0))
    truth = HeldOut("ones", torch.ones(asked.matrix, asked.matrix))
    for acceleration in asked.accelerations:
        scan = scan_case(Case((1, 1), acceleration, 5.0, 1, truth, Cells().calibration_lines, (1,)))
        assert int((scan.weights != 0).any((0, 1, 3)).sum()) == round(asked.matrix / acceleration)


def test_a_stage_ends_by_the_clock_alone() -> None:
    assert Stage(minutes=3).steps == 0


def test_the_examples_of_the_documentation_are_configs(tmp_path: Path, repository: Path) -> None:
    from pirecon.training.fit import build_stage

    text = (repository / "docs" / "training.md").read_text(encoding="utf-8")
    examples = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert len(examples) >= 3
    for example in examples:
        for stage in read(tmp_path, example).stages:
            build_stage(stage)
