PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test slow docs clean

# a search over the pocket study: the front on the screen and as a page
demo: $(VENV)/demo.stamp
	$(BIN)/hubits search studies/pocket/demo.toml
	$(BIN)/hubits report studies/pocket/demo.toml

# lint, order of imports, types, tests; `make slow` runs those that take more than a few seconds
test: $(VENV)/test.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow"

slow: $(VENV)/test.stamp
	$(BIN)/python -m pytest -n 2 --dist loadfile -m slow

# the pages of docs/ as a site, in build/site
docs: $(VENV)/test.stamp
	$(BIN)/mkdocs build --quiet

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo.stamp: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[pocket]'
	touch $@

$(VENV)/test.stamp: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[pocket,test]'
	touch $@ $(VENV)/demo.stamp

clean:
	rm -rf $(VENV) build *.egg-info
