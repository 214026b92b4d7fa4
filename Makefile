# The two commands: `make demo` makes a photo from the bundled burst, `make test` runs every test.
# Each sets itself up in .venv first; Python 3.11+, a C compiler and make are all they ask for.

PYTHON ?= $(firstword $(foreach p,python3.13 python3.12 python3.11 python3 python,$(if $(shell $(p) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo ok),$(p))))
BIN := .venv/bin
SOURCES := pyproject.toml hatch_build.py $(wildcard src/fotohaus/kernels/*.py)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test lint bench wheel clean

demo: .venv/installed
	$(BIN)/fotohaus demo --out demo

test: .venv/installed-test
	$(BIN)/python -m pytest --cov --cov-report=term $(PYTEST)

lint: .venv/installed-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/installed-bench
	$(BIN)/python -m benchmarks $(BENCH)

wheel: .venv/installed-lint
	$(BIN)/python -m build --wheel

clean:
	rm -rf .venv build dist demo src/fotohaus/kernels/libfotohaus_kernels.*

# An editable install compiles the kernels; it is made again when a kernel or a dependency changes.
.venv/installed: $(SOURCES)
	@test -n "$(PYTHON)" || { echo "fotohaus needs Python 3.11 or newer" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) --editable .
	$(BIN)/python -m compileall -q src/fotohaus
	touch $@

.venv/installed-%: .venv/installed
	$(PIP) --editable '.[$*]'
	touch $@
