"""What the documents promise exists."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import pirecon

REPOSITORY = Path(__file__).resolve().parents[1]
FOLDERS = (".", "docs", "docs/decisions", "experiments/*")
PAGES = sorted(page for folder in FOLDERS for page in REPOSITORY.glob(f"{folder}/*.md"))
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_relative_links_lead_somewhere(page: Path) -> None:
    targets = [
        target.partition("#")[0] for target in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in target
    ]
    missing = [target for target in targets if target and not (page.parent / target).exists()]
    assert not missing


def test_make_targets_that_the_readme_names_exist() -> None:
    named = set(re.findall(r"\bmake ([a-z]+)\b", (REPOSITORY / "README.md").read_text(encoding="utf-8")))
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    assert {"demo", "test"} <= named
    assert named <= set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))


def test_version_and_licence_are_the_same_everywhere() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = dict(re.findall(r"^(version|license): (.+)$", (REPOSITORY / "CITATION.cff").read_text(), re.MULTILINE))
    assert citation == {"version": project["version"], "license": project["license"]}
    assert project["version"] == pirecon.__version__
    assert project["version"] in (REPOSITORY / "docs" / "changelog.md").read_text(encoding="utf-8")
