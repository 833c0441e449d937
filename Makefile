# Two commands need nothing but Python 3.11+ and the network: `make demo` and `make test`.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
LOCKED := --quiet --upgrade --generate-hashes --universal --python-version 3.11 --no-annotate --no-header
STAMP  := $(VENV)/.installed

.PHONY: help demo test quick versions hooks changelog release-check serve lint types bench docs api-diff schemathesis lock clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

demo: $(VENV)/.demo ## start the mock and log in, step by step, with an RSA and with an EC key
	$(BIN)/python examples/demo.py

quick: lint types ## lint, types, the tests of what has changed
	$(BIN)/python -m pytest -q -x -n auto $$($(BIN)/python -m tests.changed)

test: lint types ## lint, types, all tests
	$(BIN)/python -m pytest -n auto

versions: $(STAMP) ## all tests with each supported Python that is here, pyenv's included
	PATH="$$(printf '%s:' $(HOME)/.pyenv/versions/*/bin)$$PATH" $(BIN)/nox

hooks: $(STAMP) ## lint and layers before each commit
	$(BIN)/pre-commit install

changelog: $(STAMP) ## move changelog.d/ into CHANGELOG.md; VERSION=1.2.3 makes it a release
	$(BIN)/python changelog.d/assemble.py $(VERSION)

release-check: $(STAMP) ## can this be published? REPOSITORY=https://… is where it is
	KSEF_MOCK_REPOSITORY="$(REPOSITORY)" $(BIN)/python -m release.check

serve: $(VENV)/.demo ## run the mock on http://127.0.0.1:8080
	$(BIN)/ksef-mock serve

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

bench: $(STAMP) ## measure against the floors
	$(BIN)/python -m bench.login
	$(BIN)/python -m bench.login --key ec
	$(BIN)/python -m bench.startup
	$(BIN)/python -m bench.xades
	$(BIN)/python -m bench.mutation
	$(BIN)/python -m bench.stores
	$(BIN)/python -m bench.workers
	$(BIN)/python -m bench.invoices
	$(BIN)/python -m bench.batch
	$(BIN)/python -m bench.exports
	$(BIN)/python -m bench.scale
	$(BIN)/python -m bench.prism
	$(BIN)/python -m bench.soak

schemathesis: $(STAMP) ## 200 requests made from the document for each operation
	KSEF_MOCK_EXAMPLES=200 $(BIN)/python -m pytest -q -n auto tests/document/test_schemathesis.py

docs: $(STAMP) ## write the generated pages
	$(BIN)/python -m tests.docs.generated
	$(BIN)/ksef-conformance list --markdown > docs/conformance.md

api-diff: $(STAMP) ## what the mock lacks of a newer OpenAPI document: make api-diff FILE=open-api.json
	@$(BIN)/python -m tests.api_diff $(FILE)

lock: $(STAMP) ## renew the versions in docker/, from the package index
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile pyproject.toml $(LOCKED) --extra dashboard --extra redis --extra seed -o docker/requirements.txt
	echo hatchling | $(BIN)/uv pip compile - $(LOCKED) -o docker/build-requirements.txt

clean: ## remove the virtual environment and all caches
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist

# `--group` needs pip 25.1; the pip that comes with Python 3.11 to 3.13 is older.
$(STAMP): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[all,judge]' --group dev
	@touch $@ $(VENV)/.demo

$(VENV)/.demo: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[client,dashboard]'
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "ksef-mock needs Python 3.11 or newer; choose one with: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
