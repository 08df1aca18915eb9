# demo · test · lint · bench · app: all that a newcomer needs. Each installs what it needs first.
PYTHON ?= python3
VENV ?= .venv
DATASET ?= fathomnet-demo

BIN = $(VENV)/bin
INSTALLED = $(VENV)/.installed
EXTRAS = fiftyone,models,worms,demo,test,lint,bench

# The App, its workers and the command line find the plugin in this checkout.
export FIFTYONE_PLUGINS_DIR = $(CURDIR)
# The packaged MongoDB is 6.0, FiftyOne's oldest supported version; it warns at every start.
export FIFTYONE_DATABASE_VALIDATION = false
export FIFTYONE_DO_NOT_TRACK = true
# Without it the open-source App does not offer to schedule an operation.
export FIFTYONE_ALLOW_LEGACY_ORCHESTRATORS = true

.PHONY: help install demo app test lint format docs bench faults dist lock

help:
	@echo "make demo   install everything, make a small dataset, run the main job on it"
	@echo "            (ANNOTATIONS=test.json PREDICTIONS=predictions.csv DATASET=name for real files)"
	@echo "make app    open the result in the FiftyOne App"
	@echo "make test   install everything and run the tests"
	@echo "make lint   style, types and import rules"
	@echo "make docs   write the reference and the fault table again, from the code and the tests"
	@echo "make bench  measure each stage beside its baseline"
	@echo "make faults bring about every fault of the table, and print how each ended"
	@echo "make dist   build what is published into dist/: the plugin's zip and the wheels, checked"

install: $(INSTALLED)

$(INSTALLED): pyproject.toml inference/pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: make PYTHON=python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt \
		--editable '.[$(EXTRAS)]' --editable ./inference
	$(BIN)/python scripts/ensure_mongod.py
	touch $@

demo: install
	$(BIN)/python -m demo run --dataset $(DATASET) \
		$(if $(ANNOTATIONS),--annotations $(ANNOTATIONS)) \
		$(if $(PREDICTIONS),--predictions $(PREDICTIONS)) \
		$(if $(MEDIA),--media $(MEDIA))

# A worker runs beside the App, for what is scheduled from its forms.
app: install
	$(BIN)/python -m demo.app $(DATASET)

# Side by side, a file of tests in one process: each process has a database and a home of its own.
# In the order of tests/conftest.py, which spreads those that drive a browser.
test: install
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: install
	$(BIN)/python -m scripts.write_reference
	$(BIN)/python -m scripts.write_faults

bench: install
	$(BIN)/python -m benchmarks.distances
	$(BIN)/python -m benchmarks.relabelling
	$(BIN)/python -m benchmarks.evaluation
	$(BIN)/python -m benchmarks.media
	OMP_WAIT_POLICY=passive $(BIN)/python -m benchmarks.inference
	$(BIN)/python -m benchmarks.embeddings
	$(BIN)/python -m benchmarks.similarity
	$(BIN)/python -m benchmarks.similarity --large
	$(BIN)/python -m benchmarks.main_job $(BENCH_ARGS)
	$(BIN)/python -m benchmarks.scale $(SCALE_ARGS)

faults: install
	$(BIN)/python -m tests.media.campaign $(FAULT_ARGS)
	$(BIN)/python -m scripts.run_faults

dist: install
	$(BIN)/python -m scripts.build_dist

lock: install
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 \
		--upgrade --no-header --no-annotate --no-emit-index-url --output-file constraints.txt
