# The book's commands. `make` alone lists them; each first sets up what it lacks.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help ready incident test notebooks class book links store bench soak lint lock clean

# the Python that makes .venv; a newer one can be named: make PYTHON=python3.13 test
PYTHON ?= python3
PY := .venv/bin/python
LAB ?= replica_lag
LABS ?=
TESTS ?=
ROUNDS ?=
ALL ?=
# values reach the tools by the environment, so no name is ever read by the shell
export LAB LABS ROUNDS PYTHON
# .venv comes without bytecode: unless imports may keep it, every start compiles it all
unexport PYTHONDONTWRITEBYTECODE

help:
	@echo "The Bottleneck Always Moves"
	@echo
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "Another lab: make incident LAB=read_your_writes"

# The stamp is written last, so an interrupted set-up is taken up where it stopped.
.venv/.installed: requirements.txt tools/setup.py
	@"$$PYTHON" tools/setup.py

# No stamp: the cache folder may have been deleted, or be another one (LABS_CACHE). Labs
# prepare what they start; it is done beforehand for those that run side by side.
ready: .venv/.installed ## prepare all servers, for a place without a network
	@echo "Preparing the servers"
	@cd labs && "../$(PY)" -m labkit.prepare

incident: .venv/.installed ## run one lab on real servers, here in the terminal (LAB=replica_lag)
	@$(PY) tools/incident.py

test: ready ## prove everything: the library, the book, and every lab run again
	$(PY) -m pytest -n auto --dist loadscope --no-loadscope-reorder $(TESTS)

notebooks: .venv/.installed ## open the labs in JupyterLab
	$(PY) -m jupyterlab labs

class: export LABS := $(if $(filter file,$(origin LAB)),$(LABS),$(LAB))
class: .venv/.installed ## copies for a class, without outputs and solutions (LAB=one)
	@$(PY) tools/class_copies.py

book: .venv/.installed ## build the site into _build/html
	$(PY) -c "from jupyter_book.cli.main import main; main()" build . -W -n --keep-going

links: .venv/.installed ## follow every link out of the book (needs the network)
	$(PY) -c "from jupyter_book.cli.main import main; main()" build . --builder linkcheck

store: ready ## run the labs again and store what came out (LABS="a b" for some)
	$(PY) tools/store.py

bench: ready ## time servers beside the plain ways, and four labs (LABS="a b", ALL=1)
	$(PY) tools/bench.py $(if $(ALL),--all-labs)

soak: ready ## run every lab ROUNDS times while the other core is busy
	$(PY) tools/soak.py

lint: .venv/.installed ## check style and types
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

lock: ## make requirements.txt from requirements.in (needs uv)
	@command -v uv > /dev/null || { echo "make lock needs uv: pipx install uv" >&2; exit 2; }
	uv pip compile --universal --python-version 3.11 --no-header --no-annotate \
		--output-file requirements.txt requirements.in

clean: ## remove what was built (the environment too; the cache folder stays)
	rm -rf .venv _build .pytest_cache .ruff_cache .mypy_cache
