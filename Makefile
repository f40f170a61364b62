# `make run` and `make test` install what they need. ARGS are passed on:
# `make test ARGS="-k lockout"`, `make manage ARGS="seed --patients 1000"`.
.DEFAULT_GOAL := help
.PHONY: help run dev test test-all check audit sbom lock manage install venv venv-dev venv-audit

# The first of these that is Python 3.11 or newer; override with PYTHON=/path/to/python.
MODERN := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$python" -c '$(MODERN)' 2>/dev/null && echo "$$python" && break; done)
PIP := .venv/bin/python -m pip install --disable-pip-version-check

# Read what pip says and print a line for each package, so that the minutes it takes are seen to pass.
PROGRESS := while read -r word name rest; do case "$$word" in \
	Collecting) echo "  $$name" ;; Installing) echo "Unpacking them (about a minute) ..." ;; esac; done

# $(call install,FILE,STAMP): install only if a requirements file has changed. An interrupted install leaves no stamp,
# and `venv` repairs what is there, so that the next run continues.
define install
@stamp=.venv/$(2)-$$(cat $(1) | cksum | cut -d' ' -f1); \
if [ ! -e "$$stamp" ] || ! .venv/bin/python -c '' 2>/dev/null; then \
	"$(PYTHON)" -c '$(MODERN)' 2>/dev/null || { \
		echo "praxis: needs Python 3.11 or newer; choose one with: make run PYTHON=/path/to/python3.11" >&2; exit 1; }; \
	echo "Installing $(lastword $(1)) into .venv ..."; \
	"$(PYTHON)" -m venv .venv >/dev/null || { \
		echo "praxis: $(PYTHON) cannot create .venv; on Debian, install the package python3-venv." >&2; exit 1; }; \
	rm -f .venv/$(2)-*; \
	{ $(PIP) -r $(lastword $(1)) && touch "$$stamp"; } | { $(PROGRESS); }; \
	[ -e "$$stamp" ]; \
fi
endef

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile

run: venv .env ## serve Praxis on http://127.0.0.1:8000 as in production (Ctrl-C to stop)
	@.venv/bin/python manage.py serve

dev: venv .env ## the same, restarted whenever code or a template changes
	@.venv/bin/python manage.py serve --reload

test: venv-dev ## run the tests on SQLite and on PostgreSQL with Redis; large test spaces are sampled
	@.venv/bin/python -m tests.run $(ARGS)

test-all: venv-dev ## the same with every case and example; nightly and before a release
	@.venv/bin/python -m tests.run --all $(ARGS)

check: ## run what CI runs: lint, types, layers, migrations, licences, then `make test`
	@.ci/run

audit: venv-audit ## ask for known vulnerabilities of what is installed
	@.venv/bin/python .ci/audit.py

sbom: venv-audit ## write sbom.json, the list of what Praxis is made of (CycloneDX)
	@.venv/bin/python .ci/sbom.py > sbom.json && echo "sbom.json"

lock: venv-audit ## write requirements.lock from requirements.txt, with the hash of every package
	@{ sed -n '/^#/p;/^[^#]/q' requirements.lock; .venv/audit/bin/uv pip compile requirements.txt --generate-hashes \
		--python-version 3.11 --python-platform linux --no-annotate --no-header --quiet; } > requirements.lock.new && \
		mv requirements.lock.new requirements.lock

manage: venv .env ## run manage.py with ARGS
	@.venv/bin/python manage.py $(ARGS)

install: ## install on this Debian 12 as root: /opt/praxis, /etc/praxis, systemd units (docs/operations.md)
	@PYTHON="$(PYTHON)" DESTDIR="$(DESTDIR)" PRAXIS_HOST="$(PRAXIS_HOST)" PRAXIS_EMAIL="$(PRAXIS_EMAIL)" deploy/install.sh

venv: ## create .venv with requirements.txt
	$(call install,requirements.txt,run)

venv-dev: ## create .venv with requirements-dev.txt as well
	$(call install,requirements.txt requirements-dev.txt,dev)

venv-audit: venv-dev # an environment of its own for requirements-audit.txt
	@[ -e .venv/audit/bin/uv ] || { "$(PYTHON)" -m venv .venv/audit && \
		.venv/audit/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-audit.txt; } || \
		echo "The tools of requirements-audit.txt could not be installed." >&2

.env: | venv
	@.venv/bin/python -m config.dotenv
