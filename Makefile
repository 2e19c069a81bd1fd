# Not Magic. Needs GNU make and Python 3.11 or newer with venv; everything else is installed into .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install -c requirements.txt

# One thread: the last digit of a sum depends on how it is split, and a page must not depend on the number of cores.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
# Nor on the processor: some have wider instructions than AVX2, with which sums are split and exponentials rounded otherwise.
ifneq ($(shell grep -m 1 avx2 /proc/cpuinfo 2>/dev/null),)
export NPY_DISABLE_CPU_FEATURES := X86_V4 AVX512_ICL AVX512_SPR
export OPENBLAS_CORETYPE := Haswell
export ATEN_CPU_CAPABILITY := avx2
endif
# A notebook's kernel draws into the notebook, unless this variable tells it otherwise.
unexport MPLBACKEND

.PHONY: help book serve pdf test tested-site tested-code pytest-site pytest-code site-test site-audit notebooks refresh study bench mutation coursework class lint install clean distclean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

book: $(VENV)/.book node_modules _build/.cache ## build the site from the stored notebooks: runs no chapter, needs no PyTorch
	@rm -rf _build/html
	@mv _build/.cache _build/.building
	$(BIN)/jupyter-book build . --builder html -W -n --keep-going
	@for page in index.html $(patsubst %,%.html,$(basename $(wildcard chapters/*.md chapters/*.ipynb))); do \
	    test -s "_build/html/$$page" || { echo "make book: the page $$page was not built" >&2; exit 1; }; \
	done
	@mv _build/.building _build/.cache
	@echo 'The book is built. Open _build/html/index.html in a browser, or run make serve, which also lets the figures move.'

serve: book ## show the site at an address of this computer, where its figures move
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html 8000

node_modules: package.json package-lock.json $(VENV)/.book
	$(BIN)/npm ci --omit=dev --no-audit --no-fund
	@touch $@

# Sphinx keeps what it has read, and says nothing about it a second time. So the pages are always written anew, and
# after a failure, or a change in something that all pages share, they are read anew as well.
_build/.cache: _config.yml _toc.yml $(wildcard _ext/*.py _ext/theme/*) $(VENV)/.book
	@rm -rf _build
	@mkdir _build
	@touch $@

pdf: $(VENV)/.pdf book ## print the site into one file, _build/not-magic.pdf; with SOLUTIONS=1, solutions unfolded
	$(BIN)/python _ext/pdf.py $(if $(filter 1,$(SOLUTIONS)),--solutions)

test: ## check everything: style, types, the site, the library, and every chapter against its stored outputs
	+@$(call stage,install)
	+@$(call stage,lint)
	+@$(call stage,book)
	+@$(MAKE) --no-print-directory --jobs=2 $(if $(filter output-sync,$(.FEATURES)),--output-sync=target) tested-site tested-code

# Side by side, for each keeps one core busy. What they print comes when each has ended.
tested-site tested-code: tested-%:
	+@$(call stage,pytest-$*)

pytest-site:
	$(BIN)/python -m pytest tests/site tests/coursework tests/test_book.py

pytest-code:
	$(BIN)/python -m pytest --nbval --nbval-current-env tests nnlib chapters \
	    --ignore=tests/site --ignore=tests/coursework --ignore=tests/test_book.py

stage = start=$$(date +%s) && $(MAKE) --no-print-directory $(1) && echo "$(1): $$(($$(date +%s) - start)) s"

site-test: $(VENV)/.test book ## open every page in Chromium: links, widths, accessibility, moving figures (part of make test)
	$(BIN)/python -m pytest tests/site

site-audit: $(VENV)/.pdf book ## measure every page with Lighthouse, five times each, and store the medians: an hour
	$(BIN)/npm ci --no-audit --no-fund
	$(BIN)/python tests/site/audit.py

notebooks: $(VENV)/.notebooks ## open the chapters in JupyterLab
	$(BIN)/jupyter lab chapters

refresh: $(VENV)/.test ## run every chapter on a fresh kernel and store its outputs, and the networks of the robot arm
	$(BIN)/python tests/refresh.py
	$(BIN)/python tests/robot_arm.py

study: $(VENV)/.test ## count again how often each recipe learns XOR, a quarter of an hour, and store the table of chapter 12
	$(BIN)/python benchmarks/xor_study.py

bench: $(VENV)/.bench ## measure nnlib beside its peers, ten minutes, and store the table
	env -u NPY_DISABLE_CPU_FEATURES -u OPENBLAS_CORETYPE -u ATEN_CPU_CAPABILITY $(BIN)/python benchmarks/run.py

mutation: $(VENV)/.test $(VENV)/.mutation ## change nnlib in one place at a time, and see whether the tests notice: half an hour
	$(BIN)/python tests/mutation/mutate.py

CHAPTERS ?= 05-forward
COURSE ?= ../course
coursework: $(VENV)/.coursework node_modules ## make student notebooks and a site without solutions: CHAPTERS="05-forward 06-loss" COURSE=../course
	$(BIN)/python -m coursework release $(CHAPTERS) --course $(COURSE)

class: $(VENV)/.test $(VENV)/.coursework ## grade 200 submissions, killed once in the middle, and store what it took
	$(BIN)/python tests/coursework/measure.py

lint: $(VENV)/.test ## check style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

install: $(VENV)/.book $(VENV)/.test $(VENV)/.coursework

# A stamp is named after the extra of pyproject.toml that was installed: book, pdf, test, notebooks, bench, mutation or
# coursework. Without its Python, which an upgrade of the system may have taken away, an environment is none, and its
# stamps mean nothing.
STAMPS := $(addprefix $(VENV)/.,book pdf test notebooks bench mutation coursework)
$(shell test -x $(BIN)/python || rm -f $(STAMPS))
$(VENV)/.%: pyproject.toml requirements.txt | $(BIN)/python
	$(PIP_INSTALL) flit_core
	$(PIP_INSTALL) --no-build-isolation -e ".[$*]"
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "Not Magic needs Python 3.11 or newer, but $(PYTHON) is: $$($(PYTHON) --version 2>&1)" >&2; \
	    echo 'If you have a newer one, name it: make book PYTHON=python3.12' >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }

clean: ## remove the built site and the caches
	rm -rf _build .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -path ./$(VENV) -prune -o \( -name __pycache__ -o -name .ipynb_checkpoints \) -type d -exec rm -rf {} +

distclean: clean ## remove the environment as well
	rm -rf $(VENV) node_modules
