# The book's commands. `make` alone lists them; each first sets up what it lacks.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help ready incident test notebooks class book links store bench soak budget lint
.PHONY: halves oracles growth hero pictures fonts paint lock clean

# the Python that makes .venv; a newer one can be named: make PYTHON=python3.13 test
PYTHON ?= python3
PY := .venv/bin/python
LAB ?=
LABS ?=
TESTS ?=
ROUNDS ?=
ALL ?=
# values reach the tools by the environment, so no name is ever read by the shell
export LAB LABS ROUNDS PYTHON
# .venv comes without bytecode: unless imports may keep it, every start compiles it all
unexport PYTHONDONTWRITEBYTECODE
# what is set for other programs would change these, or end them
unexport PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONWARNINGS PYTHONSAFEPATH PYTHONINSPECT
unexport PYTHONOPTIMIZE PYTEST_ADDOPTS PYTEST_PLUGINS VIRTUAL_ENV
# nor may packages in the user's own folder stand in for pinned ones
export PYTHONNOUSERSITE := 1

help:
	@echo "The Bottleneck Always Moves"
	@echo
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "Another lab: make incident LAB=replica_lag"

# The stamp is written last, so an interrupted set-up is taken up where it stopped.
.venv/.installed: requirements.txt requirements-labs.txt tools/setup.py
	@"$$PYTHON" tools/setup.py all

.venv/.labs: requirements-labs.txt tools/setup.py
	@"$$PYTHON" tools/setup.py labs

# No stamp: the cache folder may have been deleted, or be another one (LABS_CACHE). Labs
# prepare what they start; it is done beforehand for those that run side by side.
ready: .venv/.installed ## prepare all servers, for a place without a network
	@echo "Preparing the servers"
	@cd labs && "../$(PY)" -m labkit.prepare

incident: .venv/.labs ## run one lab on real servers, here in the terminal (LAB=replica_lag)
	@$(PY) tools/incident.py

test: ready ## prove everything: the library, the book, and every lab run again
	$(PY) -m pytest -n auto --dist loadscope --no-loadscope-reorder $(TESTS)

notebooks: .venv/.installed ## open the labs in JupyterLab
	@$(PY) tools/notebooks.py

class: export LABS := $(if $(filter file,$(origin LAB)),$(LABS),$(LAB))
class: .venv/.installed ## copies for a class, without outputs and solutions (LAB=one)
	@$(PY) tools/class_copies.py

book: .venv/.installed ## build the site into _build/html
	$(PY) -c "from jupyter_book.cli.main import main; main()" build . -W -n --keep-going

hero: .venv/.labs ## record the incident of the front page anew, on real servers
	@$(PY) tools/hero.py

pictures: book ## make the pictures of README and of links to the site
	@$(PY) tools/pictures.py

fonts: .venv/.installed ## cut the letters of the site's faces out anew (needs npm)
	@$(PY) tools/fonts.py

paint: book ## time the first paint of pages on a slow line, and weigh them
	@$(PY) tools/paint.py

links: .venv/.installed ## follow every link out of the book (needs the network)
	$(PY) -c "from jupyter_book.cli.main import main; main()" build . --builder linkcheck

store: ready ## run the labs again and store what came out (LABS="a b" for some)
	$(PY) tools/store.py

bench: ready ## time servers beside the plain ways, and four labs (LABS="a b", ALL=1)
	$(PY) tools/bench.py $(if $(ALL),--all-labs)

soak: ready ## run every lab ROUNDS times while the other core is busy
	$(PY) tools/soak.py

budget: .venv/.labs ## how long each lab is: lines of code, words, minutes to read
	@$(PY) tools/budget.py

halves: .venv/.labs ## what every proof and half measure came to in the last test
	@$(PY) tools/halves.py

oracles: .venv/.installed ## compare every check with a slow second one (N=100000 histories)
	$(PY) tools/oracles.py

growth: .venv/.installed ## time every check on up to a million operations
	$(PY) tools/bench_checks.py

lint: .venv/.installed ## check style, types and spelling
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) -m codespell_lib

COMPILE := .venv/bin/uv pip compile --universal --python-version 3.11 --no-header --no-annotate
lock: .venv/.labs ## make both locks from requirements.in
	$(COMPILE) --output-file requirements.txt requirements.in
	sed '/^# ---- below/,$$d' requirements.in | \
		$(COMPILE) --constraint requirements.txt --output-file requirements-labs.txt -

clean: ## remove what was built (the environment too; the cache folder stays)
	rm -rf .venv _build .pytest_cache .ruff_cache .mypy_cache
