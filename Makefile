# splitter: from a fresh clone to a tested gateway. `make help` lists the targets.
#
# Needs python3 (3.11 or later), make and git; `make test` and `make bench` also install the real peers with apt
# (as root, or with passwordless sudo), `make demo` the voice centre's SIP stack where Python has none. Everything else
# goes into .venv, from requirements locked by hash.

.DELETE_ON_ERROR:
.ONESHELL:
.SHELLFLAGS := -eu -c
MAKEFLAGS += --no-print-directory
# Tests start hundreds of processes: what they import is compiled once, whatever the shell says of it.
unexport PYTHONDONTWRITEBYTECODE

# PYTHON=… chooses another one.
PYTHON ?= $(shell sh requirements/choose-python)
VENV ?= .venv
BIN := $(VENV)/bin
# Of the packages nothing is compiled, and nothing but the locked files is taken, wherever the machine's pip looks for them.
PIP := sh requirements/pip $(BIN)/python
LOCKED := install --require-hashes --only-binary :all: -r
JOBS ?= auto

.DEFAULT_GOAL := help
.PHONY: deb image kernels integrator upgrade wheelhouse docs translations help demo test check unit real lint format sim chaos bench lipsync fuzz lock install venv peers clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/.lab $(VENV)/.native  ## play two calls through the gateway, on this machine alone, and print what was seen
	@$(BIN)/splitter demo --once

# Each part runs whatever became of the one before; the end names those that failed.
test: $(VENV)/.dev  ## everything: check, then the tests against real peers (SIPp, baresip, Asterisk, Kamailio, Chromium …)
	@failed=
	for part in lint unit peers real; do $(MAKE) $$part || failed="$$failed $$part"; done
	test -z "$$failed" || { echo "== FAILED:$$failed"; exit 1; }
	echo "== all parts hold"

check: lint unit  ## format, lint, types, import contracts, unit tests: the truth in two minutes

lint: $(VENV)/.dev
	@echo "== format, lint, types, layers"
	failed=
	for tool in "ruff format --check ." "ruff check ." mypy lint-imports; do $(BIN)/$$tool || failed="$$failed; $$tool"; done
	test -z "$$failed" || { echo "== FAILED: $${failed#; }"; exit 1; }

real: $(VENV)/.dev $(VENV)/.docs $(VENV)/.native
	@echo "== tests against real peers, and tests that take time"
	$(BIN)/python -m tests.twice -m "interop or slow" -n $(JOBS) --dist load --durations 5

unit: $(VENV)/.dev $(VENV)/.native
	@echo "== unit tests"
	$(BIN)/python -m tests.twice --ignore tests/interop -m "not interop and not slow" -n $(JOBS)

format: $(VENV)/.dev  ## format and fix what can be fixed
	@$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

sim: $(VENV)/.dev  ## simulate calls on a bad network: a long run; SEED=… CALLS=… LOSS=… play one again
	@if [ -n "$(SEED)$(CALLS)$(LOSS)" ]; then
	  $(BIN)/python -m tests.sim $(if $(SEED),--seed $(SEED)) $(if $(CALLS),--calls $(CALLS)) $(if $(LOSS),--loss $(LOSS))
	else
	  echo "== 99.9 % of 10,000 calls are set up while every fifth datagram is lost"
	  $(BIN)/python -m tests.sim --calls 10000 --loss 0.2 --plain --no-mishaps --at-least 0.999
	  for loss in 0 0.05 0.2 0.3; do
	    echo "== whatever people, networks and media workers do: 3000 calls, loss $$loss"
	    $(BIN)/python -m tests.sim --calls 3000 --loss $$loss
	  done
	fi

chaos: $(VENV)/.dev $(VENV)/.native  ## kill processes at random under live calls; SEED=1 SECONDS=600 CALLS=100
	@$(BIN)/python -m tests.chaos --seed $(or $(SEED),1) --seconds $(or $(SECONDS),600) --calls $(or $(CALLS),100)

bench: $(VENV)/.bench $(VENV)/.native peers  ## measure side by side with other systems; writes bench/results/
	@$(BIN)/python -m bench

SIGHTS ?= /tmp/splitter-sights
sights: $(VENV)/.dev $(VENV)/.native peers  ## every state of console, guests' and callers' page as a picture, both themes: SIGHTS=/tmp/…
	@mkdir -p $(SIGHTS)
	SPLITTER_SIGHTS=$(SIGHTS) $(BIN)/pytest -q -n 2 tests/browser/test_console_states.py tests/browser/test_guest_states.py tests/browser/test_call_states.py
	$(BIN)/python -m tests.browser.sheets $(SIGHTS)
	echo "== $(SIGHTS)/sheets"

lipsync: $(VENV)/.dev $(VENV)/.native  ## five minutes of a recorded call in real time: lips and voice of its file
	@$(BIN)/python -m bench.lipsync $(SECONDS)

docs: $(VENV)/.docs  ## build the documentation as one site with a search: build/docs/index.html
	@$(BIN)/python -m sphinx -q -W --keep-going -n -b html -c docs/site -d build/doctrees docs build/docs
	echo "== build/docs/index.html"

translations: $(VENV)/.docs  ## after a change of texts in code: what docs/site/chinese lacks then, for somebody to write in Chinese
	@$(BIN)/python docs/site/renew.py

# Each target for so many seconds; what it learned stays in .venv/fuzz for the next run.
FUZZ_S ?= 60
FUZZ ?= sip stream sdp fragment rtcp rtp
fuzz: $(VENV)/.fuzz  ## fuzz the parsers by coverage, FUZZ_S=60 seconds each; stops at the first input that breaks one
	@for target in $(FUZZ); do
	  echo "== $$target for $(FUZZ_S) s"
	  $(BIN)/python -m tests.fuzz.atheris_main $$target $(VENV)/fuzz -max_total_time=$(FUZZ_S) -max_len=4096 -timeout=10 \
	    -rss_limit_mb=1024 -verbosity=0 -print_final_stats=1
	done

# The daemon without lab and tools; the checkout is no longer needed then.
PREFIX ?= /opt/splitter
install:  ## install the daemon alone, for a service: PREFIX=/opt/splitter
	@echo "== $(PREFIX) with $$($(PYTHON) --version)"
	$(call make_venv,$(PREFIX))
	sh requirements/pip $(PREFIX)/bin/python $(LOCKED) requirements/run.txt
	rm -rf build
	$(PREFIX)/bin/pip -qq --disable-pip-version-check install --no-deps --no-build-isolation --no-index --force-reinstall .
	rm -rf build *.egg-info
	$(PREFIX)/bin/splitter --version

deb:  ## build a Debian package for this machine's release, or RELEASE=trixie, noble: dist/splitter-gateway_….deb
	@sh systemd/debian/build-deb$(if $(RELEASE),-for $(RELEASE)) dist

integrator: peers  ## play the integrator: a fresh system, the package, Asterisk, a first call with picture; prints the time
	@$(BIN)/python -m tests.interop.integrator $(RELEASE)

upgrade: peers  ## play an upgrade from an older version (FROM=COMMIT), back, and forward again, with calls; prints the time
	@$(BIN)/python -m tests.interop.upgrade $(FROM)

kernels: $(VENV)/.dev $(VENV)/.native  ## voice in the kernel of another Debian, emulated: RELEASE=bookworm or trixie; minutes; TESTS=…, ACCEL=kvm
	@sh tests/interop/install-peers kernels
	ACCEL=$(or $(ACCEL),tcg) $(BIN)/python -m tests.kernels $(or $(RELEASE),bookworm) $(TESTS)

image:  ## build a container image with podman, buildah or docker: splitter:VERSION
	@for tool in podman buildah docker; do if command -v $$tool >/dev/null; then break; fi; tool=; done
	test -n "$$tool" || { echo "podman, buildah or docker is needed: apt install buildah"; exit 1; }
	form=; test $$tool = docker || form="--format docker"
	$$tool build $$form $(if $(BASE),--build-arg BASE=$(BASE)) -t splitter:$$(sed -n 's/^version = "\(.*\)"$$/\1/p' pyproject.toml) \
	  -f systemd/container/Containerfile .

wheelhouse:  ## all wheels for a machine without a network, VERSION=3.13 of its Python: dist/wheelhouse
	@sh systemd/wheelhouse dist/wheelhouse $(VERSION)

venv: $(VENV)/.dev $(VENV)/.native  ## make .venv with everything for development

peers: $(VENV)/.dev  ## install the real peers of the tests (apt; Asterisk and JsSIP in folders outside the checkout)
	@sh tests/interop/install-peers

define make_venv
test -n "$(PYTHON)" || { echo "python 3.11 or later is needed; install it, or say make PYTHON=…"; exit 1; }
	$(PYTHON) -c 'import ensurepip' 2>/dev/null || sh tests/interop/install-peers venv "$(PYTHON)"
	$(PYTHON) -m venv $(1)
endef

$(BIN)/python:
	@echo "== $(VENV) with $$($(PYTHON) --version)"
	$(call make_venv,$(VENV))

$(VENV)/.run: requirements/run.txt pyproject.toml | $(BIN)/python
	@echo "== installing requirements/run.txt ($$(grep -c '^[a-z]' requirements/run.txt) packages)"
	$(PIP) $(LOCKED) requirements/run.txt
	$(PIP) install --no-deps --no-build-isolation --no-index -e .
	touch $@

# The simulated neighbours of the demo; where Python has no SIP stack for the voice centre, the distribution has one.
$(VENV)/.lab: requirements/lab.txt $(VENV)/.run
	@$(PIP) $(LOCKED) requirements/lab.txt
	sh tests/interop/install-peers centre "$(BIN)/python"
	touch $@

# A part of the media in C, in about a second; without a compiler Python does the same.
FAST := splitter/media/fast
$(VENV)/.native: $(wildcard $(FAST)/native/*.[ch] $(FAST)/build.py) $(VENV)/.run
	@$(BIN)/python $(FAST)/build.py
	touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	@echo "== installing requirements/dev.txt ($$(grep -c '^[a-z]' requirements/dev.txt) packages)"
	$(PIP) $(LOCKED) requirements/dev.txt
	touch $@

$(VENV)/.docs: requirements/docs.txt $(VENV)/.run
	@$(PIP) $(LOCKED) requirements/docs.txt
	touch $@

# sippy, the system we measure against, is published as source only: pure Python, built with the locked setuptools.
$(VENV)/.bench: requirements/bench.txt $(VENV)/.dev
	@echo "== installing requirements/bench.txt ($$(grep -c '^[a-z]' requirements/bench.txt) packages)"
	$(PIP) $(LOCKED) requirements/bench.txt --no-binary sippy --no-build-isolation
	touch $@

$(VENV)/.fuzz: requirements/fuzz.txt $(VENV)/.dev
	@echo "== installing requirements/fuzz.txt"
	$(PIP) $(LOCKED) requirements/fuzz.txt
	touch $@

# Universal locks: hashes of every platform's files, no index named. UV=… uses a uv of yours.
UV ?= $(VENV)/lock/bin/uv
COMPILE = $(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
  pyproject.toml requirements/build.in
lock: $(BIN)/python  ## solve the requirements anew and write the locks
	@test -x "$(UV)" || { $(PYTHON) -m venv $(VENV)/lock; $(VENV)/lock/bin/pip install -q uv; }
	$(COMPILE) $(UPGRADE) --extra s3 --extra timestamps --extra lab --extra dev -o requirements/dev.txt
	$(COMPILE) --extra s3 --extra timestamps -c requirements/dev.txt -o requirements/run.txt
	$(COMPILE) --extra s3 --extra timestamps --extra lab -c requirements/dev.txt -o requirements/lab.txt
	$(COMPILE) --extra docs -c requirements/dev.txt -o requirements/docs.txt
	$(COMPILE) --extra lab --extra bench -c requirements/dev.txt -o requirements/bench.txt
	$(subst pyproject.toml requirements/build.in,requirements/fuzz.in,$(COMPILE)) -o requirements/fuzz.txt
	wc -l requirements/*.txt

clean:  ## remove .venv and caches (the peers stay)
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
