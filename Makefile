# Two commands: `make demo` shows the main job, `make test` checks everything.
# Each makes its own environment; delete it with `make clean`.
PYTHON ?= python3
# The demo needs no torch. A CPU build of it is enough for the tests and a first training run. On a
# machine whose package index serves only CUDA builds, point TORCH at the build that you want.
TORCH ?= torch==2.13.0
DEMO_ENV := .venv-demo
TEST_ENV := .venv
VIEWER_ENV := .venv-viewer
DOCS_ENV := .venv-docs

.PHONY: reproduce demo viewer test coverage test-fast test-viewer test-package test-minimum check-release lint docs screenshots clean

demo: $(DEMO_ENV)/.installed
	$(DEMO_ENV)/bin/lsms demo --output out/demo

# The page in the browser, on the synthetic CT of the demo or on a folder of your own.
FOLDER ?= out/demo
viewer: $(VIEWER_ENV)/.installed
	test -e $(FOLDER) || $(VIEWER_ENV)/bin/lsms demo --output $(FOLDER)
	$(VIEWER_ENV)/bin/lsms viewer $(FOLDER)

# A process a core, each with one thread; a file's tests stay together. From Python 3.12 on
# (sys.monitoring) coverage costs next to nothing, so it is measured along, and under the limit of
# pyproject.toml the tests fail; before, it takes half as long again: make coverage.
COVERAGE = $(shell $(TEST_ENV)/bin/python -c "import sys; print('--cov' * (sys.version_info >= (3, 12)))")
test: $(TEST_ENV)/.installed lint test-viewer
	OMP_NUM_THREADS=1 COVERAGE_CORE=sysmon $(TEST_ENV)/bin/python -m pytest -n auto --dist loadfile $(COVERAGE)

# The tests with coverage of lsms_core, by any Python; which lines are missing is in out/coverage.
coverage: $(TEST_ENV)/.installed
	OMP_NUM_THREADS=1 $(TEST_ENV)/bin/python -m pytest -n auto --dist loadfile --cov \
	    --cov-report=term:skip-covered --cov-report=html:out/coverage

# The page in the browser has the slicer-core that trame-slicer was built for, so an environment of
# its own; its tests skip with a reason where Debian's chromium is missing.
test-viewer: $(VIEWER_ENV)/.installed
	# The browser comes last: it keeps an event loop in the thread of the tests.
	OMP_NUM_THREADS=1 $(VIEWER_ENV)/bin/python -m pytest -q Testing/viewer/test_page_access.py \
	    Testing/viewer/test_workspace.py Testing/viewer/test_page.py

# Most of the tests in a minute: without files that take more than three seconds, and without real CT.
test-fast: $(TEST_ENV)/.installed
	OMP_NUM_THREADS=1 $(TEST_ENV)/bin/python -m pytest -q -n auto --dist loadfile -m "not slow and not shared_data"

# The wheel, the source archive and their extras, each in an empty environment.
test-package:
	$(PYTHON) scripts/check_package.py

# The oldest versions of the dependencies that the project promises to work with.
test-minimum:
	$(PYTHON) scripts/check_minimum_versions.py

# What keeps this checkout from being released, such as the placeholder of the account.
check-release:
	$(PYTHON) scripts/check_release.py

# The released weights' figures, from folders of cases of your own or those beside the checkout.
CASES ?= ../shared/data/liver_ct/train
TEST ?= ../shared/data/liver_ct/test
SLICES ?= ../shared/data/liver_slices
reproduce: $(TEST_ENV)/.installed
	$(TEST_ENV)/bin/python scripts/reproduce.py --cases $(CASES) --test $(TEST) --slices $(SLICES) \
	    --readings Testing/core/data/readings_second_hand.jsonl

docs: $(DOCS_ENV)/.installed
	$(DOCS_ENV)/bin/python -m sphinx -q -W --keep-going -b html docs out/site
	@echo "The documentation is out/site/index.html"

lint: $(TEST_ENV)/.installed
	$(TEST_ENV)/bin/ruff format --check .
	$(TEST_ENV)/bin/ruff check .
	$(TEST_ENV)/bin/mypy

# The pictures in docs/images, from the widget tests and the demo; slicer-*: taken in Slicer by hand.
screenshots: $(TEST_ENV)/.installed $(VIEWER_ENV)/.installed demo
	LSMS_SCREENSHOTS=$(CURDIR)/docs/images $(TEST_ENV)/bin/python -m pytest -q Testing/widget
	LSMS_SCREENSHOTS=$(CURDIR)/docs/images $(VIEWER_ENV)/bin/python -m pytest -q Testing/viewer
	cp out/demo/demo.png docs/images/demo.png

$(DEMO_ENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(DEMO_ENV)
	$(DEMO_ENV)/bin/python -m pip install --quiet --editable ".[pictures]"
	touch $@

$(TEST_ENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(TEST_ENV)
	$(TEST_ENV)/bin/python -m pip install --quiet "$(TORCH)"
	$(TEST_ENV)/bin/python -m pip install --quiet --editable ".[dev,slicer-dev]"
	touch $@

$(VIEWER_ENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VIEWER_ENV)
	$(VIEWER_ENV)/bin/python -m pip install --quiet --editable ".[viewer-dev]"
	touch $@

$(DOCS_ENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(DOCS_ENV)
	$(DOCS_ENV)/bin/python -m pip install --quiet --editable . \
	    "sphinx>=7.4" "myst-parser>=4" "furo>=2024.8"
	touch $@

clean:
	rm -rf $(DEMO_ENV) $(TEST_ENV) $(VIEWER_ENV) $(DOCS_ENV) out .pytest_cache .mypy_cache .ruff_cache
