# make run   set up, and start Payseal with the sandbox bank and a demo merchant
# make test  set up, and run every test
# make check format, lint, types, shape
# make bench measure speed, size and growth on this machine; BENCH=--full also with 10 million links
# make pins  the newest versions into requirements*.txt, with hashes

PYTHON ?= python3
BIN := .venv/bin
DATA ?= data
BENCH ?=

.PHONY: run test check bench pins

run: .venv/runs
	@$(BIN)/python -m payseal demo --data $(DATA)

test: .venv/tests
	@sh setup/debian.sh chromium chromium
	@sh setup/debian.sh pg_createcluster postgresql
	@sh setup/dynamodb.sh
	@$(BIN)/python -m pytest -n 2 --ignore tests/e2e
	@$(BIN)/python -m pytest tests/e2e

check: .venv/tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest tests/test_shape.py

bench: .venv/bench
	@sh setup/debian.sh pg_ctlcluster postgresql
	@$(BIN)/python -m bench all $(BENCH)

# Each stamp is written last: what was left half-made has none, and is made anew.
.venv/runs: requirements.txt
	@PYTHON=$(PYTHON) sh setup/venv.sh
	@echo "Installing Payseal's libraries into .venv: this takes a minute, the first time …"
	@$(BIN)/pip install --quiet --require-hashes --no-deps --requirement requirements.txt
	@touch $@

.venv/tests: requirements-dev.txt .venv/runs
	@echo "Installing what the tests need …"
	@$(BIN)/pip install --quiet --require-hashes --no-deps --requirement requirements-dev.txt
	@touch $@

.venv/bench: requirements-bench.txt .venv/runs
	@echo "Installing what the bench compares with …"
	@$(BIN)/pip install --quiet --require-hashes --no-deps --requirement requirements-bench.txt
	@touch $@

pins: .venv/tests
	@$(BIN)/python -m pip install --quiet uv
	@for name in requirements requirements-dev requirements-bench; do \
	  $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	    --no-header --no-emit-index-url --output-file $$name.txt $$name.in >/dev/null; \
	done
