# Two commands do all the set-up on a fresh machine: `make example` and `make test`.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.PHONY: help example test fast check bench examples goldens schema docs clean

help:
	@echo "make example   plan an example host that ships with the project (no root, no libvirt)"
	@echo "make test      every test this machine can run (root: installs Debian packages too)"
	@echo "make fast      the fast ring only: unit, property, simulated hosts"
	@echo "make check     linters and types only"
	@echo "make bench     processes, files, bytes and time of a plan"
	@echo "make docs      the reference, the man page and the completions anew (made from the code)"
	@echo "make goldens   write the golden files anew (read the diff before committing it)"

$(VENV)/.run: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.test: $(VENV)/.run
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[test]'
	@touch $@

example: $(VENV)/.run
	$(BIN)/reconcile --plan examples/intel-workstation/host.toml --state examples/intel-workstation/capture.json

test: $(VENV)/.test
	PYTHON=$(abspath $(BIN)/python) tests/run

fast: $(VENV)/.test
	$(BIN)/python -m pytest -q -n 2 -m "not roots and not libvirt and not lab and not kernel and not pythons and not browser"

check: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m mypy .
	$(BIN)/lint-imports

bench: $(VENV)/.test
	$(BIN)/python -m tests.bench

goldens: $(VENV)/.test
	RECONCILE_GOLDENS=write $(BIN)/python -m pytest -q -m "not roots and not libvirt and not lab and not kernel and not pythons and not browser"

schema: $(VENV)/.run
	$(BIN)/reconcile --schema > specs/host.schema.json

docs: $(VENV)/.test
	$(BIN)/python -m docs.reference
	$(BIN)/python -m docs.shell

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
