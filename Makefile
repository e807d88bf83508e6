PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Modules are compiled when they are first imported: most never are, and a newcomer need not wait for them.
INSTALL := $(BIN)/python -m pip install -qq --no-compile --disable-pip-version-check -c constraints.txt

.PHONY: up deploy worker image ha test e2e bench chaos soak check format

up: $(VENV)/.installed
	@exec $(BIN)/python -m deployments.local

deploy: $(VENV)/.installed
	@$(BIN)/python -m deployments.deploy

image: $(VENV)/.installed
	@$(BIN)/python -m deployments.docker.image $(if $(BASE),--base $(BASE))

ha: $(VENV)/.cluster
	@$(BIN)/python -m deployments.docker.ha

$(VENV)/.cluster: $(VENV)/.installed
	@$(INSTALL) -e '.[cluster]'
	@touch $@

$(VENV)/.installed: pyproject.toml constraints.txt
	@command -v git >/dev/null || { echo "git is missing: install it (Debian: apt-get install git) and run make again"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) -V)"; exit 1; }
	@echo "Making the environment in $(VENV) (about a minute, once) …"
	@$(PYTHON) -m venv $(VENV)
	@$(INSTALL) -U 'pip>=25,<27'  # the one that Python 3.11 brings takes twice as long
	@$(INSTALL) -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.installed
	@$(INSTALL) -e '.[dev]'
	@touch $@

worker: $(VENV)/.installed
	@exec $(BIN)/python -m deployments.worker

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 --dist loadfile

e2e: $(VENV)/.dev $(VENV)/browser
	$(BIN)/python -m pytest -m slow
	EXAMPLES=300 $(BIN)/python -m pytest -n 2 tests/stages

# A folder of its own: selenium brings trio, which httpcore imports wherever it finds it, also in every run.
$(VENV)/browser: $(VENV)/.installed
	@$(INSTALL) --target $@ 'selenium>=4.40,<4.52'
	@touch $@

bench: $(VENV)/.dev
	$(BIN)/python -m tests.bench $(if $(ONLY),--quick --only $(ONLY))

chaos: $(VENV)/.dev
	$(BIN)/python -m tests.chaos $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED))

soak: $(VENV)/.dev
	$(BIN)/python -m tests.soak

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint $(wildcard deployments/*/Dockerfile)
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec deployments/docker/compose.yaml
	$(BIN)/python -m deployments.kubernetes.manifest | $(BIN)/kubernetes-validate --strict --quiet /dev/stdin

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
