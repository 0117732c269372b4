# make demo    compare the routes of the baseline scenario
# make test    run the tests
# make verify  compare queues with theory and try out the intervals at length: writes results/verification.md, takes minutes
# make evidence  compare the scenarios with what was observed: writes results/evidence.md, takes minutes
# make studies  do the published sweeps, searches and the study of sensitivity anew, in results/, and the pictures of
#               the README: takes a quarter of an hour
# make fast    install the program with its model compiled: .venv-fast/bin/corridor, the same numbers in less time
# make bench   time the program against others: writes results/benchmark.md
# Each makes its virtual environment first, from a hashed lock: .venv, or .venv-fast and benchmarks/.venv for the last
# two. It is made again only when its lock changes.

PYTHON ?= $(firstword $(foreach python,python3.11 python3,$(shell $(python) -c 'print("$(python)")' 2>/dev/null)))
VENV   := .venv
BIN    := $(VENV)/bin
FAST   := .venv-fast
BENCH  := benchmarks/.venv
STUDIES := feeders-sea-level discovery-feeders-sea-level optimise-fifteen-days optimise-twenty-five-days sensitivity-15-days

.DEFAULT_GOAL := demo
.PHONY: demo test verify fast bench bench-lock lint lock schema docs evidence studies clean
.DELETE_ON_ERROR:

demo: $(VENV)/project
	$(BIN)/corridor compare scenarios/baseline-2024.yaml

# Tests take from 10 ms to a minute: a worker that has done its share takes of the other's.
test: $(VENV)/project
	$(BIN)/pytest -n auto --dist worksteal

verify: $(VENV)/project
	$(BIN)/python -m tests.verification.verify

fast: $(FAST)/project
	@echo 'The program with its model compiled: $(FAST)/bin/corridor'

# Takes about fifteen minutes, and is worth what the machine is quiet.
bench: $(BENCH)/lock $(FAST)/project
	$(BENCH)/bin/python -m benchmarks.bench

lint: $(VENV)/project
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# The lock holds what the program and its developers need, with the hash of every file, and names no index.
lock: $(VENV)/lock
	$(BIN)/uv pip compile --upgrade --universal --python-version 3.11 --fork-strategy fewest --extra dev \
	  --generate-hashes --no-header --no-emit-index-url --quiet --output-file requirements.lock pyproject.toml

# What the benchmark needs: the program's own packages as they are locked, and its rivals.
bench-lock: $(VENV)/lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --fork-strategy fewest --constraint requirements.lock \
	  --generate-hashes --no-header --no-emit-index-url --quiet --output-file benchmarks/requirements.lock \
	  pyproject.toml benchmarks/requirements.in

# What is generated from the scenario language: the schema for editors and the reference of all blocks and keys.
schema: $(VENV)/project
	$(BIN)/corridor schema > scenarios/scenario.schema.json
	$(BIN)/corridor schema --sweep > scenarios/sweeps/sweep.schema.json
	$(BIN)/corridor schema --optimise > scenarios/optimise/optimise.schema.json

docs: schema
	$(BIN)/python docs/reference.py
	$(BIN)/python docs/data_tables.py
	$(BIN)/python docs/model.py

# What was observed beside the model: writes results/evidence.md and the picture of the README, takes minutes.
evidence: $(VENV)/project
	$(BIN)/corridor evidence
	cp results/evidence.png docs/img/evidence.png

# They begin anew: runs of another version of the model are not mixed with new ones.
studies: $(VENV)/project
	rm -rf $(STUDIES:%=results/%)
	$(BIN)/corridor sweep scenarios/sweeps/feeders-sea-level.yaml
	$(BIN)/corridor sweep scenarios/sweeps/discovery-feeders-sea-level.yaml
	$(BIN)/corridor sweep discover discovery-feeders-sea-level --fails "transit.p90[xian-poti/middle-poti] > 30 d"
	$(BIN)/corridor optimise scenarios/optimise/fifteen-days.yaml
	$(BIN)/corridor optimise scenarios/optimise/twenty-five-days.yaml
	$(BIN)/corridor sensitivity scenarios/sweeps/sensitivity-15-days.yaml
	$(BIN)/corridor compare scenarios/baseline-2024.yaml
	cp results/feeders-sea-level/plots/response-transit-p90-xian-poti-middle-poti.png docs/img/sweep.png
	cp results/baseline-2024/plots/transit.png docs/img/transit.png

clean:
	rm -rf $(VENV) $(FAST) $(BENCH) build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

$(VENV)/lock $(FAST)/lock: requirements.lock
$(BENCH)/lock: benchmarks/requirements.lock
$(VENV)/lock $(FAST)/lock $(BENCH)/lock:
	@$(if $(PYTHON),,echo 'Python 3.11 or newer is needed, and none was found: install it, or say where it is: make PYTHON=/path/to/python3.11' >&2; exit 1)
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed; $(PYTHON) is %d.%d. Name another one: make PYTHON=/path/to/python3.11" % sys.version_info[:2])'
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

$(VENV)/project: $(VENV)/lock pyproject.toml hatch_build.py
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation --editable .
	@touch $@

# What is compiled is installed as it is now, and again when anything of it has changed.
$(FAST)/project: $(FAST)/lock pyproject.toml hatch_build.py $(shell find sim scenarios -type f -not -name '*.pyc')
	rm -rf $(FAST)/wheel
	CORRIDOR_COMPILE=1 $(FAST)/bin/python -m hatchling build --target wheel --directory $(FAST)/wheel
	$(FAST)/bin/python -m pip install --quiet --disable-pip-version-check --no-index --no-deps --force-reinstall $(FAST)/wheel/*.whl
	@touch $@
