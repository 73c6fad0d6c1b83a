# On a fresh machine with Python 3.11 or newer, each target sets up everything that it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNS := $(VENV)/.runs
FAULTS := --faults-budget 1h --faults-table docs/results/reliability.md
STAMP := $(VENV)/.installed
CORE := .venv-core
DIST := .venv-dist
INSTALL := -m pip install --quiet --disable-pip-version-check
PIP := $(BIN)/python $(INSTALL)

# Tests and the demo start dozens of interpreters, and without bytecode each compiles the package anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo test install-all test-core test-browser test-triton test-on-gpu test-ray test-loops test-notebooks test-readme gallery test-faults fuzz dist docs lint format python clean-cache clean

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "paripassu needs Python 3.11 or newer; name one: make PYTHON=python3.12 ..." >&2; exit 2; }

# Two steps: the demo needs the package with its laboratory, the tests need more.
$(RUNS): requirements/core.txt requirements/run.txt requirements/build.txt pyproject.toml | python
	$(PYTHON) -m venv $(VENV)
	$(PIP) -r requirements/run.txt -r requirements/build.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	touch $@

$(STAMP): $(RUNS) requirements/test.txt requirements/dev.txt
	$(PIP) -r requirements/dev.txt
	touch $@

# Neither holds anything of the laboratory.
$(CORE)/.installed: requirements/core.txt requirements/test.txt | python
	$(PYTHON) -m venv --clear $(CORE)
	$(CORE)/bin/python $(INSTALL) -r requirements/core.txt -r requirements/test.txt
	touch $@

$(DIST)/.installed: requirements/build.txt requirements/dist.txt | python
	$(PYTHON) -m venv --clear $(DIST)
	$(DIST)/bin/python $(INSTALL) -r requirements/build.txt -r requirements/dist.txt
	touch $@

# These need numba, Triton or TensorBoard.
WITHOUT_EXTRAS := \
  --ignore=tests/optim/steps/test_cpu.py --ignore-glob='*/steps/cpu_kernels.py' \
  --ignore=tests/optim/steps/test_gpu.py --ignore-glob='*/probe/tensorboard.py'

# Where the tests are whose examples hypothesis makes.
PROPERTIES = $(shell grep -rl '@given' tests)

demo: $(RUNS)  ## The story in three acts, on a page that opens at once; 2 to 3 minutes
	$(BIN)/paripassu demo

test: $(STAMP)  ## Run the tests and the examples of docstrings, on two processes of one thread each
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal

test-core: dist $(CORE)/.installed  ## Test the optimizers, rules and probe with torch and numpy alone
	$(CORE)/bin/python $(INSTALL) --no-index --no-deps --force-reinstall dist/*.whl
	$(CORE)/bin/python -m pip check
	cd $(CORE) && bin/python ../tools/check_core.py
	OMP_NUM_THREADS=1 $(CORE)/bin/pytest -n 2 $(WITHOUT_EXTRAS) \
	  tests/rules tests/optim tests/probe tests/test_packaging.py \
	  --pyargs paripassu.extras paripassu.files paripassu.optim paripassu.probe paripassu.rules

install-all: $(STAMP)  ## Install what all targets below need, so that two of them may run at a time
	$(PIP) $(foreach part,browser triton ray loops notebooks,-r requirements/$(part).txt)

test-browser: $(STAMP)  ## Open pages in headless Chromium (Debian: chromium, chromium-driver)
	$(PIP) -r requirements/browser.txt
	$(BIN)/pytest -n 2 --dist worksteal tests/browser  # the demo in one, most pages in the other

test-triton: $(STAMP)  ## Run the GPU's optimizer kernels in Triton's interpreter, without a GPU
	$(PIP) -r requirements/triton.txt
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 -k triton tests/optim/steps/test_gpu.py  # `make test` has the rest

test-on-gpu: $(STAMP)  ## Try tools/on_gpu.sh at its smallest, on the CPU
	rm -rf build/on-gpu
	OMP_NUM_THREADS=1 TINY=1 PYTHON=$(BIN)/python tools/on_gpu.sh build/on-gpu 20

test-ray: $(STAMP)  ## Kill workers and nodes of a small Ray cluster
	$(PIP) -r requirements/ray.txt
	$(BIN)/pytest --timeout 300 --capture sys tests/engine/test_ray.py  # Ray's last words, if it ends us

test-loops: $(STAMP)  ## Run the guide's loops in Lightning and accelerate
	$(PIP) -r requirements/loops.txt
	OMP_NUM_THREADS=1 $(BIN)/pytest tests/loops

test-notebooks: $(STAMP)  ## Run the notebooks of the docs and write their pages anew
	$(PIP) -r requirements/notebooks.txt
	OMP_NUM_THREADS=1 $(BIN)/python tools/notebooks.py

gallery: $(STAMP)  ## Train the gallery's examples and draw their pictures anew; minutes
	$(BIN)/python -m tools.gallery

test-readme: $(STAMP)  ## Run README's commands about a run, and hold how good its samples are
	OMP_NUM_THREADS=1 $(BIN)/python tools/readme.py

test-faults: $(STAMP)  ## Inject an hour of faults, on all cores; write docs/results/reliability.md
	$(BIN)/pytest tests/faults $(FAULTS)

fuzz: $(STAMP)  ## Look for new counterexamples to the laws, among 3,000 examples each
	HYPOTHESIS_PROFILE=fuzz OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --timeout 3600 $(PROPERTIES)

dist: $(DIST)/.installed  ## Build the source archive and the wheel in dist/, and check both
	rm -rf dist
	$(DIST)/bin/python -m build --no-isolation
	$(DIST)/bin/twine check --strict dist/*
	$(DIST)/bin/python tools/check_dist.py

docs: $(STAMP)  ## Build the documentation's site, guide and API, in site/
	$(PIP) -r requirements/docs.txt
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

lint: $(STAMP)  ## Check formatting, lint, types and import layers
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/pyright
	$(BIN)/pyright -p benchmarks  # and tools
	$(BIN)/lint-imports

format: $(STAMP)  ## Format the code and apply ruff's fixes
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

clean-cache:  ## Remove compiled kernels
	find src -name '*.nb[ic]' -delete

clean:  ## Remove the virtual environments and what tools left
	rm -rf $(VENV) $(CORE) $(DIST) .pytest_cache .ruff_cache .hypothesis build dist site
