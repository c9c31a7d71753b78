# Needs Python >= 3.11 and make, nothing else: the first call of any target creates .venv and installs into it.
# Another Python: make test BASE_PYTHON=/path/to/python3.12

BASE_PYTHON ?= python3
VENV := .venv
PYTHON := $(VENV)/bin/python
PIP_INSTALL := $(PYTHON) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
INSTALLED := $(VENV)/.installed
TESTS ?= tests
CONFIG ?= experiments/checkpoints/fast.toml

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench results comparisons docs train clean

help:  ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## */make \1\t/'

demo: $(INSTALLED)  ## reconstruct the embedded raw file, and a real brain where shared/data lies beside the checkout
	$(PYTHON) -m pirecon.demo

test: $(INSTALLED)  ## run all tests (some of them: make test TESTS=tests/laws)
	$(PYTHON) -m pytest $(TESTS)

lint: $(INSTALLED)  ## ruff, mypy and the import contract
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	$(VENV)/bin/lint-imports

bench: $(INSTALLED)  ## time against other packages; writes experiments/speed/result.md
	$(PYTHON) -m experiments.speed

results: $(INSTALLED)  ## measure the reconstruction and the simulator; writes docs/results.md and experiments/*/result.md
	$(PYTHON) -m experiments.quality
	$(PYTHON) -m experiments.tissue_table
	$(PYTHON) -m experiments.independent
	$(PYTHON) -m experiments.isochromats
	$(PYTHON) -m experiments.real_and_simulated
	$(PYTHON) -m experiments.echo_train
	$(PYTHON) -m experiments.off_resonance
	$(PYTHON) -m experiments.tubes
	$(PYTHON) -m experiments.fat_fraction
	$(PYTHON) -m experiments.interference
	$(PYTHON) -m experiments.motion
	$(PYTHON) -m experiments.thick_slices
	$(PYTHON) -m experiments.field_strength_snr

comparisons: $(INSTALLED)  ## train and compare networks (hours on one core; what is trained is kept in runs/experiments)
	$(PYTHON) -m experiments.prior_swap
	$(PYTHON) -m experiments.snr_robustness
	$(PYTHON) -m experiments.field_generalisation
	$(PYTHON) -m experiments.self_supervision
	$(PYTHON) -m experiments.physics_loss
	$(PYTHON) -m experiments.multi_contrast
	$(PYTHON) -m experiments.scan_time
	$(PYTHON) -m experiments.levers
	$(PYTHON) -m experiments.regimes
	$(PYTHON) -m experiments.checkpoints

docs: $(INSTALLED)  ## the reference of both packages, from their docstrings, in output/docs
	$(PYTHON) -c 'import pdoc' 2>/dev/null || $(PIP_INSTALL) --editable '.[docs]'
	$(PYTHON) -m pdoc --docformat google --math --output-directory output/docs pirecon bloch

train: $(INSTALLED)  ## train a network (make train CONFIG=my.toml)
	$(PYTHON) -m pirecon.cli train $(CONFIG)

clean:  ## remove the environment and what was built
	rm -rf $(VENV) build dist output *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

# The stamp is written last: an interrupted installation starts afresh, a finished one is kept until the metadata changes.
$(INSTALLED): pyproject.toml constraints.txt
	@$(BASE_PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "pirecon needs Python 3.11 or newer, but \
	$(BASE_PYTHON) is " + sys.version.split()[0] + ". Name another: make BASE_PYTHON=/path/to/python3.12")'
	@test -f $(INSTALLED) && $(PYTHON) -m pip --version >/dev/null 2>&1 || $(BASE_PYTHON) -m venv --clear $(VENV)
	@echo "Installing pirecon and what it needs into $(VENV); the first time takes some minutes."
	$(PIP_INSTALL) --editable '.[dev]'
	@touch $(INSTALLED)
