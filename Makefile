PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed

.PHONY: install demo test test-all check bench docs clean

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[all]'
	touch $@

demo: $(INSTALLED)
	$(BIN)/react-eval demo build/demo

test: $(INSTALLED)
	$(BIN)/pytest -q -n 2

test-all: $(INSTALLED)
	$(BIN)/pytest -q -n 2 -m "slow or not slow"

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(INSTALLED)
	$(BIN)/python -m pytest -q benchmarks -o addopts=--import-mode=importlib --benchmark-columns=min,median,rounds --benchmark-sort=name
	$(BIN)/python -m benchmarks.scaling --short

docs: $(INSTALLED)
	$(BIN)/python docs/generate.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

clean:
	rm -rf $(VENV) build site
