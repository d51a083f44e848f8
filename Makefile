# Two words do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PLUGINS := $(wildcard plugins/*)
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

.PHONY: demo test lint format regen bench clean

demo: $(VENV)/installed
	$(BIN)/sqlflow run specs/01-quickstart/pipeline.yaml
	$(BIN)/sqlflow query "select * from marts.daily_revenue" --spec specs/01-quickstart/pipeline.yaml

test: $(VENV)/dev
	$(BIN)/python -m pytest -n 2 --dist loadfile -o faulthandler_timeout=600 -o faulthandler_exit_on_timeout=true

lint: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/dev
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

regen: $(VENV)/dev
	$(BIN)/python -m pytest --regen

bench: $(VENV)/dev
	$(BIN)/python benchmarks/run.py

clean:
	rm -rf $(VENV) target specs/*/target specs/*/out specs/*/*.duckdb

$(VENV)/python:
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/installed: $(VENV)/python pyproject.toml constraints.txt
	$(PIP) --editable .
	touch $@

$(VENV)/dev: $(VENV)/installed $(PLUGINS:%=%/pyproject.toml)
	$(PIP) --editable ".[dev]" $(PLUGINS:%=--editable %)
	touch $@
