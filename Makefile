# make run    install what is missing, then serve the site with its scheduler at http://127.0.0.1:8000
# make test   install what the tests want, then run them all; make test ARGS="tests/workflow -k ban" runs some
# make lint   style, types and the order of imports
# make bench  the table of measured ratios, also in build/bench.json

ARGS ?=
VENV := .venv
BIN  := $(VENV)/bin
PICK := for p in python3.13 python3.12 python3.11 python3; do \
          if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$p; break; fi; \
        done

.PHONY: run test lint bench clean

run: $(VENV)/.installed-postgres
	$(BIN)/lianpei run $(ARGS)

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest -n auto $(ARGS)

lint: $(VENV)/.installed-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.installed-test
	$(BIN)/python -m tests.bench $(ARGS)

clean:
	rm -rf $(VENV) build dist *.egg-info

# Types are checked against the libraries the tests use, so lint installs those too.
$(VENV)/.installed-lint: EXTRAS := test,lint
$(VENV)/.installed-test: EXTRAS := test
$(VENV)/.installed-postgres: EXTRAS := postgres,documents

$(VENV)/.installed-%: setup.cfg pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$(EXTRAS)]'
	@touch $@

$(BIN)/python:
	@python=$$($(PICK)); \
	if [ -z "$$python" ]; then \
	  echo "lianpei needs Python 3.11 or later: install it (Debian, Ubuntu: apt install python3 python3-venv) and run make again." >&2; \
	  exit 1; \
	fi; \
	if ! $$python -m venv $(VENV); then \
	  rm -rf $(VENV); \
	  echo "$$python cannot create a virtual environment: install its venv module (Debian, Ubuntu: apt install python3-venv) and run make again." >&2; \
	  exit 1; \
	fi
