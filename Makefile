# `make run` and `make test` are all that is needed; each makes what it lacks. ARGS are handed on:
# `make test ARGS="-k lockout"`, `make manage ARGS="seed --patients 1000"`.
.DEFAULT_GOAL := help
.PHONY: help run dev test check manage venv venv-dev

# The first of these that is Python 3.11 or newer; PYTHON=/path/to/python chooses another.
MODERN := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$python" -c '$(MODERN)' 2>/dev/null && echo "$$python" && break; done)
PIP := .venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check

# $(call install,FILE,STAMP): an install only when a requirements file is another than last time. An interrupted one
# leaves no stamp, and `venv` mends what is there, so that the next run goes on from it.
define install
@stamp=.venv/$(2)-$$(cat $(1) | cksum | cut -d' ' -f1); \
if [ ! -e "$$stamp" ] || ! .venv/bin/python -c '' 2>/dev/null; then \
	"$(PYTHON)" -c '$(MODERN)' 2>/dev/null || { \
		echo "praxis: needs Python 3.11 or newer; name one with: make run PYTHON=/path/to/python3.11" >&2; exit 1; }; \
	echo "Installing $(lastword $(1)) into .venv ..."; \
	"$(PYTHON)" -m venv .venv >/dev/null || { \
		echo "praxis: $(PYTHON) cannot make .venv; Debian has what it lacks in the package python3-venv." >&2; exit 1; }; \
	$(PIP) -r $(lastword $(1)) && rm -f .venv/$(2)-* && touch "$$stamp"; \
fi
endef

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile

run: venv .env ## Praxis on http://127.0.0.1:8000, as production serves it; Ctrl-C ends it
	@.venv/bin/python manage.py serve

dev: venv .env ## the same, started anew whenever code or a template changes
	@.venv/bin/python manage.py serve --reload

test: venv-dev ## all tests on SQLite, then again on PostgreSQL and Redis
	@.venv/bin/python -m tests.run $(ARGS)

check: ## what CI runs: lint, types, layers, migrations, then `make test`
	@.ci/run

manage: venv .env ## manage.py with ARGS
	@.venv/bin/python manage.py $(ARGS)

venv: ## .venv with requirements.txt
	$(call install,requirements.txt,run)

venv-dev: ## .venv with requirements-dev.txt too
	$(call install,requirements.txt requirements-dev.txt,dev)

.env: | venv
	@.venv/bin/python -m config.dotenv
