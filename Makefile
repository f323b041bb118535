# Two commands: `make explore` shows what eoscheck finds, `make test` runs everything that must pass.
PYTHON ?= python3
BIN := .venv/bin
DEMO := specs/stores/insert-in-transaction.yaml

.PHONY: explore test check clean

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@

# Exit code 1 says that a property is violated, which is what the demonstration is meant to show.
explore: .venv/installed
	$(BIN)/eoscheck explore $(DEMO) || test $$? -eq 1

test: .venv/installed
	$(BIN)/python -m pytest

check: .venv/installed
	$(BIN)/eoscheck check specs/

clean:
	rm -rf .venv build *.egg-info .eoscheck
