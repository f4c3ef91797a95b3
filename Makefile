# Everything runs in a virtual environment of its own; the only thing needed is python3 (3.11 or later) with venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint lowest backend benchmark clean

demo: $(VENV)/installed
	$(BIN)/openeo-sar demo --out demo

test: $(VENV)/installed-dev lint
	$(BIN)/python -m pytest

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/openeo-sar sync --check
	$(BIN)/openeo-sar check

# The lower bounds in pyproject.toml are true: the tests pass with exactly these. Of the sandbox one file does: its limits take
# minutes and are those of the kernel, not of a library. Hostile files and the demo are left to make test. Two tests at a time.
lowest:
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/python -m pip install --quiet --upgrade pip uv
	.venv-lowest/bin/uv pip install --quiet --python .venv-lowest/bin/python --resolution lowest-direct -e . --group tests
	.venv-lowest/bin/python -m pytest -n 2 --dist loadfile --ignore-glob='tests/sandbox/test_[!u]*.py' --ignore=tests/hostile --ignore=tests/demo

# The UDFs with the packages that a back-end has.
backend:
	$(PYTHON) -m venv .venv-backend
	.venv-backend/bin/python -m pip install --quiet --upgrade pip uv
	.venv-backend/bin/uv pip install --quiet --python .venv-backend/bin/python -e . --group tests --group backend
	.venv-backend/bin/python -m pytest -n 2 --dist loadfile tests/udfs tests/contract tests/analyses tests/udf/test_chunks.py

benchmark: $(VENV)/installed-dev
	$(BIN)/python benchmarks/coherence.py
	$(BIN)/python benchmarks/geocode.py
	$(BIN)/python benchmarks/scaling.py
	$(BIN)/python benchmarks/memory.py
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/geometry.py
	$(BIN)/python benchmarks/products.py
	$(BIN)/python benchmarks/coregistration.py

$(VENV)/installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python -e .
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/uv pip install --quiet --python $(BIN)/python -e . --group dev
	touch $@

clean:
	rm -rf .venv .venv-lowest .venv-backend demo build dist
