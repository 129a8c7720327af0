# Every target sets up what it needs first; see `.ci/prepare`. Works with the make of Debian, Ubuntu and macOS (3.81).
# Recipes are silent: standard output belongs to the program.

SHELL := /bin/sh
BIN := .venv/bin
ARGS ?=
# Where the lock files lie; the release check has them written elsewhere, to compare.
LOCKS ?= .
PYTEST_ARGS ?=
# Test processes that run side by side, more than there are processors: many tests wait for real programs. PYTEST_JOBS=0
# keeps everything in one process, for debuggers.
PYTEST_JOBS ?= $(shell echo $$(( ($$(getconf _NPROCESSORS_ONLN) * 3 + 1) / 2 )))

# Tests start Python some hundred times, so what it compiles is kept, also where the environment says otherwise.
COMPILED := unset PYTHONDONTWRITEBYTECODE;

LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate $(ARGS)

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test lint format property mutants bench screenshots schema lock version licences sbom release-check clean

help: ## Show this list
	@awk -F ': ## ' '/^[a-z-]+: ## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

demo: ## Set up, then run the demo; ARGS="--once --json" prints one JSON document and ends
	@.ci/prepare run
	@exec $(BIN)/reconciler demo $(ARGS)

test: ## Set up, then lint, check types and import floors, and run every test; PYTEST_ARGS selects tests
	@.ci/prepare test
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@# In a new checkout one process compiles the tests, meanwhile, instead of every test process all of them.
	@$(COMPILED) test -d tests/__pycache__ || $(BIN)/python -m pytest --collect-only --quiet >/dev/null 2>&1 & \
		$(BIN)/mypy; result=$$?; wait; exit $$result
	@$(COMPILED) exec $(BIN)/python -m pytest -n $(PYTEST_JOBS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

lint: ## Lint, check formatting, types and import floors
	@.ci/prepare dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: ## Format the code and fix what the linter can fix
	@.ci/prepare dev
	@$(BIN)/ruff check --fix --exit-zero .
	@$(BIN)/ruff format .

property: ## Run the property tests with many more examples
	@.ci/prepare dev
	@exec $(BIN)/python -m pytest tests/property -n $(PYTEST_JOBS) -p tests.support.hypothesis_profiles \
		--hypothesis-profile thorough $(PYTEST_ARGS)

mutants: ## Put named faults into the planner, one by one; each must make a property test fail; ARGS selects some
	@.ci/prepare dev
	@exec $(BIN)/python -m tests.property.mutants $(ARGS)

bench: ## Run the benchmarks
	@.ci/prepare dev
	@exec $(BIN)/python -m benchmarks $(ARGS)

screenshots: ## Write the pictures of the pages that the documents show to docs/images/; needs chromium
	@.ci/prepare test
	@exec $(BIN)/python -m tests.browser.screenshots docs/images

schema: ## Bring the chart's schema up to date with the settings
	@.ci/prepare dev
	@exec $(BIN)/python -m tests.chart.config_schema

lock: ## Bring the lock files up to date; ARGS=--upgrade takes newer versions
	@.ci/prepare dev
	@$(LOCK) --extra dev --extra notifications --output-file $(LOCKS)/requirements-dev.lock pyproject.toml
	@$(LOCK) --constraint $(LOCKS)/requirements-dev.lock --extra notifications --output-file $(LOCKS)/requirements.lock pyproject.toml
	@$(LOCK) --constraint $(LOCKS)/requirements-dev.lock --output-file $(LOCKS)/requirements-build.lock --group build

version: ## Copy the version of reconciler/__init__.py to the chart and the Dockerfile
	@.ci/prepare dev
	@exec $(BIN)/python -m tests.release.version

licences: ## Write docs/licences.md from the lock file and the packages it names
	@.ci/prepare dev
	@exec $(BIN)/python -m tests.release.licences

sbom: ## Write the bill of materials of what is shipped (CycloneDX) to dist/
	@.ci/prepare dev
	@exec $(BIN)/python -m tests.release.sbom dist

release-check: ## Tell whether this tree can be released; ARGS=--offline leaves out what needs the package index
	@.ci/prepare dev
	@exec $(BIN)/python -m tests.release.check $(ARGS)

clean: ## Remove the virtual environment, caches and what builds left
	@rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
