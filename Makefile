# On a fresh machine with Python >= 3.11 each target sets up everything it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check
RUNS := $(VENV)/.runs
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo test test-browser test-triton test-ray docs lint format clean-cache clean

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(RUNS): requirements/run.txt requirements/build.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "paripassu needs Python 3.11 or newer; name one: make PYTHON=python3.12 ..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) -r requirements/run.txt -r requirements/build.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	touch $@

$(STAMP): $(RUNS) requirements/dev.txt
	$(PIP) -r requirements/dev.txt
	touch $@

demo: $(RUNS)  ## Which half of Adam does a GAN need? Under 3 minutes, ends at a page
	$(BIN)/paripassu demo

test: $(STAMP)  ## Run the tests, on two processes of one thread each
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2

test-browser: $(STAMP)  ## Open pages in headless Chromium (Debian: chromium, chromium-driver)
	$(PIP) -r requirements/browser.txt
	$(BIN)/pytest tests/browser

test-triton: $(STAMP)  ## Run the GPU's optimizer kernels without one, by Triton's interpreter
	$(PIP) -r requirements/triton.txt
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 tests/optim/steps/test_gpu.py

test-ray: $(STAMP)  ## Kill workers and nodes of a small Ray cluster
	$(PIP) -r requirements/ray.txt
	$(BIN)/pytest --timeout 300 tests/engine/test_ray.py

docs: $(STAMP)  ## Build the documentation's site, guide and API, in site/
	$(PIP) -r requirements/docs.txt
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

lint: $(STAMP)  ## Formatting, lint, types, import layers
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/pyright
	$(BIN)/lint-imports

format: $(STAMP)  ## Format the code and mend what can be mended
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

clean-cache:  ## Forget compiled kernels
	find src -name '*.nb[ic]' -delete

clean:  ## Remove the virtual environment and what tools left
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis build dist site
