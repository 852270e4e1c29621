# Everything a new user needs: Python 3.11 or newer and make. `make demo` and `make test` install what they use.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: install demo test lint types native-check faults faults-full faults-memory faults-others slow asan tsan bench results clean

install: $(READY)

# constraints.txt pins what was tested; an environment variable of pip decides where packages come from
$(READY): pyproject.toml constraints.txt loadgen/native/*.c loadgen/native/*.h
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	rm -rf build
	$(BIN)/python -m pip install --quiet --upgrade pip setuptools -c constraints.txt
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet -c constraints.txt -e '.[report,bench,tune,prometheus,otlp,dev]'
	touch $(READY)

demo: install
	$(BIN)/loadgen run --start mock -w 2 -r 25% -d 10s --warmup 2s --name demo
	$(BIN)/python -m bench serializers --fast
	$(BIN)/loadgen prove

test: install
	$(BIN)/python -m pytest -q --durations=10 -m 'not faults and not slow'

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

# warnings of the C part are errors here, not at a user's install
native-check: install
	$(BIN)/python -m tests.native.sanitize lint

asan: install
	$(BIN)/python -m tests.native.sanitize address

tsan: install
	$(BIN)/python -m tests.native.sanitize thread

faults: install
	$(BIN)/python -m pytest -q --durations=10 -m 'faults and not slow'

# `make -j3 faults-full`: the two runs of ten minutes that watch memory take little of the machine, and faults mostly wait
MEMORY := tests/faults/test_memory.py
faults-full: faults-memory faults-others slow

faults-memory: install
	$(BIN)/python -m pytest -q -m 'faults or slow' $(MEMORY)

faults-others: install
	$(BIN)/python -m pytest -q --durations=15 -m faults --ignore $(MEMORY)

slow: install
	$(BIN)/python -m pytest -q --durations=15 -m 'slow and not faults'

bench: install
	$(BIN)/python -m bench serializers

results: install
	$(BIN)/python -m bench serializers
	$(BIN)/python -m bench produce
	$(BIN)/python -m bench plot

clean:
	rm -rf $(VENV) build dist *.egg-info loadgen/native/*.so .pytest_cache .mypy_cache .ruff_cache .hypothesis
