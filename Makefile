# The few commands there are. Needs Python 3.11 or newer and make; no git, no compiler. Works from anywhere: make -C DIR demo
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: help demo test check docs format footprint clean
SHELL = /bin/sh

# A newcomer's shell must not leak into our environments, nor its pip settings into them.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PIP_USER = 0

DEMO = .venv-demo
DEMO_WHAT = .[examples,ml]
DEV = .venv
SOURCES := $(shell find src -type f ! -name '*.py[co]')
PYTEST = $(DEV)/bin/python -m pytest -q --timeout 300

help:
	@echo 'make demo       assess 1,989 real mortgage applications, try remedies, explain a refusal, keep a ledger; writes aequo-report/'
	@echo 'make test       all tests that need only Python packages'
	@echo 'make check      lint, format, types, import contract, docs up to date'
	@echo 'make docs       write docs/reference from the docstrings'
	@echo 'make format     let ruff mend what it can'
	@echo 'make footprint  import time, start time and installed size of the base install'
	@echo 'make clean      remove what make made'

# 1 and 3 are verdicts (a finding failed, one could not be judged), not errors of the demo.
demo: $(DEMO)/.installed
	@code=0; $(DEMO)/bin/python -m aequo demo || code=$$?; \
	case $$code in 0 | 1 | 3) ;; *) exit $$code ;; esac

test: $(DEV)/.installed
	@$(PYTEST) -n auto --dist worksteal -m 'not spark and not browser and not postgres and not faults' $(PYTEST_OPTIONS)

check: $(DEV)/.installed
	@$(DEV)/bin/python -m ruff check --quiet && echo 'lint      ok'
	@$(DEV)/bin/python -m ruff format --check --quiet && echo 'format    ok' \
	|| { echo 'format    run make format on:'; $(DEV)/bin/python -m ruff format --check; exit 1; }
	@$(DEV)/bin/python -m mypy --no-error-summary && echo 'types     ok'
	@out=$$($(DEV)/bin/lint-imports 2>&1) && echo 'imports   ok' || { echo "$$out"; exit 1; }
	@$(DEV)/bin/python tools/reference.py --check && echo 'reference ok'
	@$(PYTEST) -n 0 tests/docs && echo 'docs      ok'

docs: $(DEV)/.installed
	@$(DEV)/bin/python tools/reference.py

format: $(DEV)/.installed
	@$(DEV)/bin/python -m ruff check --quiet --fix; $(DEV)/bin/python -m ruff format

footprint: $(DEV)/.installed
	@$(DEV)/bin/python benchmarks/footprint.py

clean:
	rm -rf $(DEMO) $(DEV) aequo-report build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

# $(call install,VENV,WHAT): the stamp is written last and taken away first, so an interrupted install starts afresh.
# pip's remarks about the machine's settings go to a log, which is shown if the installation fails.
# --no-compile: most modules are never imported; Python compiles the others when they are.
define install
if [ -e $(1)/.installed ]; then rm -f $(1)/.installed; else \
	python=; for name in python3 python3.14 python3.13 python3.12 python3.11 python; do \
		if $$name -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then python=$$name; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
		echo 'aequo needs Python 3.11 or newer with venv; none was found on PATH (Debian, Ubuntu: apt-get install python3-venv).' >&2; exit 1; \
	fi; \
	echo 'Installing into $(1), once ...'; \
	$$python -m venv --clear $(1) || exit 1; \
fi; \
$(1)/bin/python -m pip install --no-compile --no-input $(2) >$(1)/install.log 2>&1 \
|| { tail -n 20 $(1)/install.log >&2; echo 'The installation failed; $(1)/install.log has all of it.' >&2; exit 1; }; \
touch $(1)/.installed
endef

# The demo gets what a user gets: a real install with nothing of ours for developers in it.
$(DEMO)/.installed: pyproject.toml $(SOURCES)
	@$(call install,$(DEMO),'$(DEMO_WHAT)')

$(DEV)/.installed: pyproject.toml
	@$(call install,$(DEV),--editable '.[dev]')
