# 口袋证件照 Pocket ID Photo. `make` lists what there is.
.DEFAULT_GOAL := help
.PHONY: help setup run test check up down lock clean

PYTHON ?=
PHOTO ?=
TESTS ?=
# What needs no whole running system runs on two cores; what shares one runs after it, in order.
ALONE := tests/architecture tests/unit tests/simulation tests/contract tests/integration
TOGETHER := tests/journey tests/chaos
BIN := .venv/bin
export PYTHON

help: ## what there is (this list)
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## system packages, environment, model weights; costs nothing when all is there
	@sh scripts/setup.sh

run: setup ## the whole local system and the sample journey, then serve until Ctrl-C; PHOTO=path for another photo
	@$(BIN)/pocketid run $(if $(PHOTO),--photo "$(PHOTO)")

up: setup ## the local system in the background; returns when it is ready
	@$(BIN)/pocketid up

down: ## stop the local system; leaves nothing running
	@test ! -x $(BIN)/pocketid || $(BIN)/pocketid down

test: ## every test; what is missing is a failure (TESTS=path for a part)
	@sh scripts/setup.sh tests
ifeq ($(TESTS),)
	@CI=1 $(BIN)/python -m pytest -n 2 --dist worksteal $(ALONE)
	@CI=1 $(BIN)/python -m pytest $(TOGETHER)
else
	@CI=1 $(BIN)/python -m pytest $(TESTS)
endif

check: setup ## quick: lint, format, types, the unit tests that make few pictures
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q -n 2 --dist worksteal -m 'not pictures' tests/unit

lock: ## choose versions anew and pin them by hash (needs uv)
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --extra local --extra dev \
		--no-emit-index-url --no-header -o requirements.lock

clean: down ## remove environment, state and caches
	rm -rf .venv .run build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
