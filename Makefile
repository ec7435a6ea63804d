# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
#
# Needs python3 with venv and pip; everything else goes into .venv.
#   make demo    install what users need, synthesise a drive, label, track, map and score it
#   make test    install what developers need, run all tests
#   make check   everything that CI runs: linters, types, import contracts, spelling, all tests
#   make docs    renew config/default.yaml and the documents of parameters from the code
#
# Without an NVIDIA GPU, PIP_ARGS='--extra-index-url https://download.pytorch.org/whl/cpu' fetches the
# small CPU build of PyTorch.

PYTHON ?= python3
VENV ?= .venv
PIP_ARGS ?=
PYTEST_ARGS ?= -n auto --maxprocesses 4
# As the command line does for itself (unsup_track_ros/cli/threads.py); pytest's plugins import numpy
# before a conftest could.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
DEMO_OUT ?= demo

BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -c constraints.txt

.PHONY: check clean coverage demo docs lint test
.DELETE_ON_ERROR:

check: lint test

demo: $(VENV)/.installed
	$(BIN)/unsup-track demo --out $(DEMO_OUT)

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(VENV)/.installed-dev
	$(BIN)/python -m ruff check
	$(BIN)/python -m ruff format --check
	$(BIN)/python -m mypy
	$(BIN)/lint-imports
	$(BIN)/python -m codespell_lib

coverage: $(VENV)/.installed-dev
	$(BIN)/python -m pytest $(PYTEST_ARGS) --cov --cov-report=term

docs: $(VENV)/.installed
	$(BIN)/unsup-track params > config/default.yaml
	$(BIN)/unsup-track params --markdown > docs/parameters.md
	$(BIN)/unsup-track params --node all_in_one --markdown > docs/ros_parameters.md
	$(BIN)/unsup-track params --node labeler --markdown > docs/ros_labeler_parameters.md

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

# opencv-python, a requirement of TrackEval, overwrites `cv2` with files that need libGL: the last step
# puts the headless ones back (pyproject.toml says more).
# The stamps make a second call instant; a change of the requirements renews them.
$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml setup.py constraints.txt | $(BIN)/python
	$(INSTALL) -e .
	$(INSTALL) --force-reinstall --no-deps opencv-python-headless
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(INSTALL) -e '.[dev]'
	touch $@
