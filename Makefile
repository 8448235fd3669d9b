# Two commands for a machine that has Python >= 3.11 and make: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
DEMO ?= runs/demo
BIN := $(VENV)/bin

.PHONY: help install demo test lint clean

help:
	@echo "make demo   set up, simulate one EEG-fNIRS session, decompose it, say where the report is"
	@echo "make test   set up, then ruff, types, import-linter and pytest"
	@echo "make clean  remove the virtual environment and the demo's output"

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c "import sys; v = sys.version_info; v >= (3, 11) or sys.exit(f'pidjax needs Python 3.11 or newer, $(PYTHON) is {v.major}.{v.minor}: run make PYTHON=/path/to/python3.11')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	@touch $@

demo: install
	$(BIN)/pidjax simulate everything --out $(DEMO)/recording --overwrite
	$(BIN)/pidjax decompose $(DEMO)/recording/eeg.edf $(DEMO)/recording/fnirs.snirf \
		--events $(DEMO)/recording/events.tsv --out $(DEMO)/decomposition --overwrite --permutations 99

test: lint
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) $(DEMO)
