# Everything runs in .venv, which is made when first needed and renewed when pyproject.toml changes.

SHELL = /bin/sh
# Without bytecode each of the some three hundred starts of the exporter in the tests compiles all modules anew.
unexport PYTHONDONTWRITEBYTECODE
.DEFAULT_GOAL = help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help run test torture storm hunt fuzz bench benchdb check deps docs build lock audit machine pictures grafana-import clean

VENV = .venv
PYTHON = $(VENV)/bin/python
PIP = $(PYTHON) -m pip --disable-pip-version-check --quiet

LISTEN = 127.0.0.1:10877
LOG =
GRAFANA_URL =
GRAFANA_TOKEN_FILE =
TIMEZONE =
APT = yes

KILLS = 1000
RECORDS = 5000000
ROTATIONS = 500
SEED = 1
SECONDS = 60
BENCH =

# Programs that some tests need: command, Debian package, what is skipped without it.
define PROGRAMS
prometheus prometheus    tests against a real Prometheus and promtool
amtool     prometheus-alertmanager tests of routes and messages against a real Alertmanager
mtail      mtail         the comparison with mtail
chromium   chromium      tests of the status page in a browser
php        php-cli       the PHP lines of docs/events.md are not checked
cc         gcc           no native part, and the daemon is not killed inside its commits
mariadb-install-db mariadb-server-core tests against a real MariaDB
fish       fish          completions in a real fish
zsh        zsh           completions in a real zsh
man        man-db        the manual page's format
systemd-analyze systemd     the units are not verified
setfacl    acl           access to logs by ACL
shellcheck shellcheck    the install script is not checked
my_print_defaults  mariadb-client-core  tests against a real MariaDB
pg_createcluster   postgresql      tests against a real PostgreSQL
endef
export PROGRAMS

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' Makefile
	@echo
	@echo "make run LOG='/var/www/app/storage/logs/laravel*.log' TIMEZONE=Europe/Berlin follows a real app."
	@echo "LISTEN=127.0.0.1:10878 chooses another address, APT=no keeps make test from installing Debian packages."
	@echo "make torture KILLS=100 RECORDS=500000 ROTATIONS=50 SEED=7 is a shorter run; SEED draws another."
	@echo "make bench BENCH=--quick takes two minutes, BENCH=--full half an hour; BENCH=--growth shows what cost grows with."

run: $(VENV)/.run ## a simulated app and the exporter following it; with LOG='GLOB' your own app instead
ifeq ($(strip $(LOG)),)
	@exec $(PYTHON) -m exporter demo --directory var/demo --listen '$(LISTEN)'
else
	@mkdir -p var
	@echo "Following $(LOG). Metrics: http://$(LISTEN)/metrics  ready: http://$(LISTEN)/-/ready  stop: Ctrl-C"
	@state="var/state-$$(printf %s '$(LOG)' | cksum | cut -d ' ' -f 1).sqlite"; \
	BOOKING_EXPORTER_LOG_FORMAT=text exec $(PYTHON) -m exporter run --log '$(LOG)' --state "$$state" --listen '$(LISTEN)' \
		$(if $(TIMEZONE),--timezone '$(TIMEZONE)')
endif

test: deps $(VENV)/.dev ## everything that must hold: make check, then all tests with branch coverage
	@# mypy keeps one processor busy. Meanwhile another compiles the tests, which else each worker does for itself, and
	@# fetches what one test needs.
	@{ $(PYTHON) -m pytest --collect-only -qq >/dev/null 2>&1; $(MAKE) --silent --no-print-directory $(VENV)/.schema; } & \
		$(MAKE) --no-print-directory check && wait
	@# one worker more than there are processors: a third of the tests' time is waiting for other programs
	$(PYTHON) -m pytest -n $$(($$(nproc) + 1)) --dist worksteal --cov --cov-report=term

bench: deps $(VENV)/.dev ## measure speed, latency and memory on generated logs, beside mtail and grep; takes 6 minutes
	$(PYTHON) -m tests.benchmarks $(BENCH)

benchdb: deps $(VENV)/.dev ## measure the database sampler's queries on tables of up to ten million rows; takes ten minutes
	$(PYTHON) -m tests.benchmarks.database

fuzz: $(VENV)/.dev ## search ten times as long as the tests, then SECONDS (60) each for logs that the reader or its C code gets wrong (x86-64)
	EFFORT=10 $(PYTHON) -m pytest -q tests/fuzz
	$(PIP) install --editable '.[dev,fuzz]'
	@mkdir -p var/fuzz
	$(PYTHON) -m tests.fuzz.fuzz_records -max_total_time=$(SECONDS) -max_len=4096 -artifact_prefix=var/fuzz/ \
		-print_final_stats=1 var/fuzz tests/fuzz/corpus
	$(PYTHON) -m tests.native.test_hostile $(SECONDS) $(SEED)

hunt: $(VENV)/.dev ## look for sequences of writes, rotations and crashes that are counted wrong, for SECONDS (60)
	$(PYTHON) -m tests.model.hunt --seconds $(SECONDS) --seed $(SEED)

torture: deps $(VENV)/.dev ## kill the daemon at KILLS moments beside a live writer and compare all counts; takes 20 minutes
	$(PYTHON) -m tests.torture --kills $(KILLS) --records $(RECORDS) --rotations $(ROTATIONS) --seed $(SEED)

storm: $(VENV)/.dev ## rotate many times a second beside a daemon that is halted and killed, for SECONDS (60), and compare each generation
	$(PYTHON) -m tests.torture.storm --seconds $(SECONDS) --seed $(SEED)

check: $(VENV)/.dev ## lint, format, types, and whether all generated files are current; changes nothing
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	@$(PYTHON) -m exporter.metrics_page | cmp -s - METRICS.md || { echo 'METRICS.md is not current: run make docs' >&2; exit 1; }
	@$(PYTHON) -m grafana.generate --check
	@$(PYTHON) -m deploy.generate --check

docs: $(VENV)/.dev ## write anew what is generated: METRICS.md, dashboards, manual page, completions
	$(PYTHON) -m exporter.metrics_page > METRICS.new && mv METRICS.new METRICS.md
	$(PYTHON) -m grafana.generate
	$(PYTHON) -m deploy.generate

build: $(VENV)/.dev ## make wheel and sdist in dist/, byte for byte the same from the same commit
	rm -rf dist
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct 2>/dev/null || echo 1767225600) $(PYTHON) -m build --no-isolation --outdir dist
	cp deploy/install.sh deploy/requirements.lock dist

# The oldest Python comes first: what it may have, newer ones may have, too.
COMPILE = $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade)

lock: $(VENV)/.dev ## lock what the service is installed from, with hashes; UPGRADE=yes takes newer versions
	$(COMPILE) --extra mysql --extra postgresql pyproject.toml --output-file deploy/requirements.lock
	$(PYTHON) -c 'import tomllib; [print(one) for one in tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"]]' \
		| $(COMPILE) - --output-file deploy/build.lock

audit: $(VENV)/.dev ## ask PyPI's advisories about every locked package; fails where one is vulnerable or PyPI is not in reach
	$(PIP) install --editable '.[dev,audit]'
	$(VENV)/bin/pip-audit --strict --require-hashes --disable-pip --progress-spinner off \
		-r deploy/requirements.lock -r deploy/build.lock

machine: $(VENV)/.dev ## cold installs, Ansible and the container image on bare Debian; needs root (see CONTRIBUTING.md)
	$(PYTHON) -m tests.machine

pictures: deps $(VENV)/.dev ## draw the README's pictures anew, from a real page and real query results; takes a minute
	$(PYTHON) -m tests.pictures docs

grafana-import: $(VENV)/.made ## import the dashboards: GRAFANA_URL=https://… GRAFANA_TOKEN_FILE=/path/of/token
	@$(PYTHON) grafana/upload.py '$(GRAFANA_URL)' '$(GRAFANA_TOKEN_FILE)'

deps: ## install the Debian packages that some tests need, where that needs no password
	@missing() { printf '%s\n' "$$PROGRAMS" | while read -r program package skipped; do \
		command -v "$$program" >/dev/null 2>&1 || echo "$$package"; done; }; \
	[ -n "$$(missing)" ] || exit 0; \
	if [ '$(APT)' = yes ] && command -v apt-get >/dev/null 2>&1; then \
		if [ "$$(id -u)" = 0 ]; then as=env; \
		elif sudo -n true 2>/dev/null; then as='sudo env'; \
		else as=; fi; \
		if [ -n "$$as" ]; then \
			echo "Installing" $$(missing) "by apt-get"; \
			$$as apt-get -qq update || true; \
			for package in $$(missing); do \
				$$as DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$$package" \
					</dev/null >/dev/null || true; \
			done; \
		fi; \
	fi; \
	printf '%s\n' "$$PROGRAMS" | while read -r program package skipped; do \
		command -v "$$program" >/dev/null 2>&1 || \
			echo "Debian package $$package is not installed; skipped: $$skipped"; \
	done

clean: ## remove .venv, caches and the demo; states of real logs in var/ stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.* dist build var/demo

# The first Python that is new enough and can make a virtual environment; else what to do.
$(VENV)/.made:
	@found=; bare=; \
	for python in python3.13 python3.12 python3.11 python3; do \
		"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
		bare=$${bare:-$$python}; \
		if "$$python" -c 'import ensurepip, venv' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ] && [ -n "$$bare" ]; then \
		package="$$("$$bare" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"; \
		if [ "$$(id -u)" = 0 ]; then as=env; else as='sudo -n env'; fi; \
		if command -v apt-get >/dev/null 2>&1 && $$as true 2>/dev/null; then \
			echo "Installing $$package by apt-get"; \
			$$as apt-get -qq update && \
			$$as DEBIAN_FRONTEND=noninteractive apt-get -qq install -y "$$package" </dev/null >/dev/null; \
		fi; \
		if "$$bare" -c 'import ensurepip' 2>/dev/null; then found=$$bare; else \
			echo "$$bare cannot make virtual environments: run 'apt-get install $$package' as root, then make again" >&2; \
			exit 1; \
		fi; \
	fi; \
	if [ -z "$$found" ]; then \
		echo "no Python of version 3.11 or newer was found: run 'apt-get install python3 python3-venv' as root (Debian 12," \
			"Ubuntu 24.04 or newer), then make again" >&2; \
		exit 1; \
	fi; \
	echo "Setting up $(VENV) with $$("$$found" --version) (once; a minute or so)"; \
	"$$found" -m venv $(VENV)
	@touch $@

# What is compiled when the package is installed, into the tree.
NATIVE = hatch_build.py $(wildcard exporter/native/*.[ch])

$(VENV)/.run: $(VENV)/.made pyproject.toml $(NATIVE)
	@$(PIP) install --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run pyproject.toml
	@$(PIP) install --editable '.[dev]'
	@touch $@

# Grafana's types for one test. Without node, npm or a package registry that test is skipped, and says so.
SCHEMA = tests/grafana/schema
$(VENV)/.schema: $(VENV)/.made $(SCHEMA)/package.json $(SCHEMA)/package-lock.json
	@mkdir -p $(VENV)/schema && cp $(SCHEMA)/package.json $(SCHEMA)/package-lock.json $(SCHEMA)/.npmrc $(VENV)/schema
	@if ! command -v node >/dev/null 2>&1 || ! command -v npm >/dev/null 2>&1; then \
		echo "node and npm are not installed; skipped: dashboards against Grafana's own types"; \
	elif (cd $(VENV)/schema && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null); then \
		touch $@; \
	else echo "npm could not install @grafana/schema; skipped: dashboards against Grafana's own types"; fi
