# Each target sets up what it needs by itself: a virtual environment in .venv, from pinned and hashed packages.
# PYTHON=/path/to/python3 chooses the interpreter, ARGS="..." is handed to pytest, the benchmark or the demo.

PYTHONS := $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11 python)
BIN := .venv/bin
ARGS :=

# Without byte code every start would compile zenctx anew, and the measured start-up times would not be those of a user.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test check format docs bench soak lock clean

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*##  */\1|/p' Makefile | awk -F'|' '{ printf "make %-8s%s\n", $$1, $$2 }'

demo: .venv/.run  ## legacy contexts become descriptors and come back, in a temporary folder
	@PATH="$(CURDIR)/$(BIN):$$PATH" examples/demo.sh $(ARGS)

test: .venv/.dev .venv/.promtool .venv/.browser  ## the tests, on SQLite and on a real PostgreSQL
	@$(BIN)/python -m pytest -n 3 --dist worksteal -m "not soak" $(ARGS)

check: .venv/.dev  ## format, lint, types, layers
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: .venv/.dev  ## rewrites the code in its format, with the lint fixes that are safe
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

docs: .venv/.dev  ## docs/cli.md and the messages of docs/troubleshooting.md, anew from the code
	@$(BIN)/python -m tests.support.generated

bench: .venv/.dev  ## side by side with what one would use instead, as ratios
	@$(BIN)/python benchmarks/run.py $(ARGS)

# pytest ends with 5 when nothing is marked. A trace of a thread at work, after minutes, may end the interpreter.
soak: .venv/.dev .venv/.pgbouncer  ## the tests that take minutes
	@$(BIN)/python -m pytest -m soak -o faulthandler_timeout=0 $(ARGS) || test $$? -eq 5

LOCK := uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --custom-compile-command "make lock"

lock:  ## pins the packages anew (needs uv); ARGS=--upgrade takes newer ones
	@$(LOCK) --group dev --output-file requirements-dev.txt $(ARGS)
	@$(LOCK) --group build --constraint requirements-dev.txt --output-file requirements.txt

clean:  ## removes all that make made
	@rm -rf .venv build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The pinned packages, then the project itself: editable, without the network.
define install
@$(BIN)/python -m pip install -qq --require-hashes -r $(1)
@$(BIN)/python -m pip install -qq --no-index --no-deps --no-build-isolation --editable .
endef

.venv/.run: requirements.txt pyproject.toml | $(BIN)/python
	$(call install,requirements.txt)
	@touch $@

# Holds all of .run too, so that neither is installed twice.
.venv/.dev: requirements-dev.txt requirements.txt pyproject.toml | $(BIN)/python
	$(call install,requirements-dev.txt)
	@touch .venv/.run $@

# Checks metrics and alert rules; where it cannot be had, the tests that need it say so.
.venv/.promtool: | $(BIN)/python
	@if tests/support/fetch_promtool.sh $(BIN); then touch $@; fi

# Lends sessions of PostgreSQL to the tests that take minutes; likewise.
.venv/.pgbouncer: | $(BIN)/python
	@if tests/support/fetch_pgbouncer.sh .venv/pgbouncer; then touch $@; fi

# Opens the page of `stats`; likewise.
.venv/.browser: | $(BIN)/python
	@if tests/support/fetch_browser.sh .venv/browser; then touch $@; fi

$(BIN)/python:
	@found=; for p in $(PYTHONS); do \
	  if $$p -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$p; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "zenctx needs Python 3.11 or newer, with its venv module; name one with PYTHON=/path/to/python3." >&2; exit 1; \
	fi; \
	echo "Setting up .venv with $$found (once, up to a minute)."; \
	$$found -m venv --clear .venv
