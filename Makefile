# Two commands set up everything: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint format clean

demo: $(VENV)/.installed
	$(BIN)/python train/main.py
	@echo
	@echo "Look at the newest picture in runs/fashion_mnist_32/samples/ (one row a class)."
	@echo "Curves:          $(BIN)/tensorboard --logdir runs"
	@echo "Your own images: $(BIN)/python train/main.py --preset=celeb_a_64 --dataset=folder:PATH"
	@echo "All flags:       $(BIN)/python train/main.py --help"

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.installed-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 10)' 2>/dev/null || \
		{ echo "error: PYTHON=$(PYTHON) is not Python 3.10 or newer; use make PYTHON=..."; exit 2; }
	$(PYTHON) -m venv $(VENV)
	@# The pip that comes with older Pythons takes forever to resolve the requirements.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip

$(VENV)/.installed: requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.installed-test: requirements-test.txt requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-test.txt
	@touch $(VENV)/.installed $@
