"""Priors from outside the package: the page that explains them, a stranger's module, and what is refused."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import pirecon
from pirecon.priors import PRIORS, ImagePrior, apply_prior, build_prior
from pirecon.training.config import read_config
from pirecon.training.fit import fit
from pirecon.unrolled import load_checkpoint

DEMO = Path(pirecon.__file__).parent / "demo" / "brain_0.064T.h5"
training = pytest.mark.filterwarnings("ignore")  # Lightning's own advice


@pytest.fixture
def stranger(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of a package that was installed without any knowledge of pirecon is on the path."""
    monkeypatch.syspath_prepend(repository / "tests" / "fixtures" / "stranger")
    for name in ("stranger", "stranger.denoiser"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


@training
def test_the_page_does_what_it_says(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = repository / "docs" / "write_your_own_prior.md"
    prior, *in_python = blocks(page, "python")
    assert len([line for line in prior.splitlines() if line.strip()]) <= 20
    (tmp_path / "my_prior.py").write_text(prior)
    (tmp_path / "my_prior.toml").write_text(blocks(page, "toml")[0])
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_prior", raising=False)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for code in in_python:
        exec(compile(code, str(page), "exec"), names)
    assert "linear phase" in capsys.readouterr().out
    image = pirecon.reconstruct(DEMO, checkpoint="my_prior.safetensors")
    assert torch.isfinite(torch.view_as_real(torch.as_tensor(image.data))).all()


@training
@pytest.mark.parametrize("name", ["stranger.denoiser:TinyDenoiser", "tiny"])
@pytest.mark.usefixtures("stranger")
def test_a_strangers_prior_trains_saves_loads_and_reconstructs(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    text = blocks(repository / "docs" / "write_your_own_prior.md", "toml")[0]
    text = text.replace("my_prior:MyPrior", name).replace("{ width = 8 }", "{ hidden = 5 }")
    (tmp_path / "config.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    network, card = load_checkpoint(fit(read_config("config.toml"), progress=False))
    assert card.architecture.prior == name
    prior = network.priors[0]
    assert (type(prior).__module__, type(prior).__name__) == ("stranger.denoiser", "TinyDenoiser")
    torch.manual_seed(0)
    untrained = build_prior(name, {"hidden": 5})
    assert prior.layers[0].weight.shape == untrained.layers[0].weight.shape == (5, 3, 3, 3)
    image = pirecon.reconstruct(DEMO, checkpoint=tmp_path / "my_prior.safetensors")
    assert np.isfinite(np.abs(np.asarray(image.data))).all()


@pytest.mark.usefixtures("stranger")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("swim", r"no prior called 'swim'; did you mean 'swin'"),
        ("tinny", r"no prior called 'tinny'; did you mean 'tiny'.*unet"),
        ("nowhere.at_all:Prior", r"'nowhere.at_all:Prior' cannot be imported: No module named 'nowhere'"),
        ("stranger.denoiser:TinyDenoizer", r"cannot be imported: .*TinyDenoizer"),
        ("stranger.denoiser:NoModule", r"expected a class derived from torch.nn.Module"),
        ("stranger.denoiser:", r"cannot be imported"),
        ("gone", r"an entry point for 'stranger.denoiser:Absent'.*cannot be imported"),
    ],
)
def test_names_that_lead_nowhere_are_explained(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_prior(name, {})


@pytest.mark.usefixtures("stranger")
def test_unknown_options_are_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"does not take these options: \{'hiden': 4\}.*it takes: hidden"):
        build_prior("stranger.denoiser:TinyDenoiser", {"hiden": 4})


@pytest.mark.usefixtures("stranger")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Forgetful", r"stranger.denoiser.Forgetful returned NoneType.*return statement is missing"),
        ("Magnitude", r"stranger.denoiser.Magnitude returned dtype torch.float32.*torch.complex\(real"),
        ("Cropping", r"stranger.denoiser.Cropping returned shape \(1, 7, 9\).*\(1, 8, 9\)"),
    ],
)
def test_what_a_prior_returns_is_checked(name: str, message: str) -> None:
    prior = build_prior(f"stranger.denoiser:{name}", {})
    with pytest.raises(ValueError, match=message):
        apply_prior(prior, torch.zeros(1, 8, 9, dtype=torch.complex64), torch.tensor(1.0))


def test_a_guide_goes_to_priors_that_ask_for_one() -> None:
    class Guided(nn.Module):
        takes_guide = True

        def forward(self, image: torch.Tensor, noise_level: torch.Tensor, guide: torch.Tensor | None) -> torch.Tensor:
            return image if guide is None else image * guide

    image, guide = torch.ones(1, 3, 3, dtype=torch.complex64), torch.full((1, 3, 3), 2.0)
    assert torch.equal(apply_prior(Guided(), image, torch.tensor(1.0), guide), 2 * image)
    assert torch.equal(apply_prior(Guided(), image, torch.tensor(1.0)), image)
    assert torch.equal(apply_prior(PRIORS["tv"](), 0 * image, torch.tensor(1.0), guide), 0 * image)


def test_a_missing_package_is_named_with_its_licence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bm3d", None)
    with pytest.raises(ImportError, match=r"needs the package bm3d.*non-commercial"):
        build_prior("bm3d", {})


@pytest.mark.parametrize("cut", [(slice(None), slice(0, 1)), (..., slice(0, -1)), (..., slice(0, 1), slice(0, 1))])
@pytest.mark.parametrize("grow", [0, 1])
def test_a_change_of_another_shape_is_refused_by_name(cut: tuple[object, ...], grow: int) -> None:
    class Careless(ImagePrior):
        def change(self, channels: torch.Tensor) -> torch.Tensor:
            whole = channels[:, :2]
            return nn.functional.pad(whole, [grow] * 4) if grow else whole[cut]

    with pytest.raises(ValueError, match=r"Careless.change returned the shape .*expected \(1, 2, 8, 9\)"):
        apply_prior(Careless(), torch.ones(1, 8, 9, dtype=torch.complex64), torch.tensor(1.0))
