# Two commands matter: `make demo` (install, then run the main job) and `make test` (install, then pass the tests).
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export RAY_USAGE_STATS_ENABLED := 0

.PHONY: demo test test-product test-fleet gate lint format docs clean

# The stamp is newer than the two files that decide what gets installed, so a second run skips the install.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[all,dev]"
	@touch $@

demo: $(VENV)/.installed
	$(BIN)/vos demo --output demo_output

# Two halves side by side, because each of them uses one core.
test: $(VENV)/.installed
	$(MAKE) --jobs 2 --output-sync=target test-product test-fleet

test-product: $(VENV)/.installed
	$(BIN)/python -m pytest tests/seem_model tests/vos seem_model vos

test-fleet: $(VENV)/.installed
	$(BIN)/python -m pytest tests/eval tests/fuzz tests/pipelines tests/project eval pipelines

# Whether the default tracker scores what it did, on clips that are drawn on the spot (docs/made.md); half a minute.
gate: $(VENV)/.installed
	$(BIN)/vos benchmark gate

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(VENV)/.docs-installed: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[docs]"
	@touch $@

# The documentation site, in site/. A broken link, a page that is in no menu, or a name that is gone is an error: not with
# --quiet, which would hide warnings from --strict too.
docs: $(VENV)/.docs-installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV) demo_output site build *.egg-info .pytest_cache .mypy_cache .ruff_cache
