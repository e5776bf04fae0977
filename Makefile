# Two commands set up everything: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# TensorFlow 2.15 needs Python 3.9 to 3.11.
PYTHON_TF215 ?= $(shell for p in $(PYTHON) python3.11 python3.10 python3.9; do \
	$$p -c 'import sys; sys.exit(not (3, 9) <= sys.version_info < (3, 12))' 2>/dev/null && \
	echo $$p && break; done)
VENV_TF215 := .venv-tf215
VENV_LATEST := .venv-latest
# Runs exported training steps in tests on the default stack; the older one's NumPy is too old.
JAX := benchmarks/gpu/requirements.txt
# Test files run side by side in so many processes, of up to 5 GB each.
JOBS ?= 2
PYTEST := python -m pytest -n $(JOBS) --dist loadfile
INSTALL := python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test test-tf215 test-latest lint format clean

demo: $(VENV)/.installed
	$(BIN)/python train/main.py
	@echo
	@echo "Look at the newest picture in runs/fashion_mnist_32/samples/ (one row a class)."
	@echo "Curves:          $(BIN)/tensorboard --logdir runs"
	@echo "Your own images: $(BIN)/python train/main.py --preset=celeb_a_64 --dataset=folder:PATH"
	@echo "All flags:       $(BIN)/python train/main.py --help"

test: $(VENV)/.installed-test
	$(BIN)/$(PYTEST)

# The same tests on the older stack; there against TF-GAN and TensorFlow Addons too, and with what
# crosses from one stack to the other.
test-tf215: $(VENV_TF215)/.installed $(VENV)/.installed
	SAGAN_TF_OTHER_PYTHON=$(CURDIR)/$(BIN)/python $(VENV_TF215)/bin/$(PYTEST)

# The same tests on the newest release of everything, whatever the pins say.
test-latest: requirements.txt requirements-test.txt $(JAX)
	rm -rf $(VENV_LATEST)
	$(PYTHON) -m venv $(VENV_LATEST)
	$(VENV_LATEST)/bin/$(INSTALL) --upgrade pip
	sed -n 's/^\([a-z_-]*\)==.*/\1/p' requirements.txt | sort -u > $(VENV_LATEST)/requirements.txt
	$(VENV_LATEST)/bin/$(INSTALL) -r $(VENV_LATEST)/requirements.txt -r requirements-test.txt \
		-r $(JAX)
	$(VENV_LATEST)/bin/python -m pip list | grep -i -E "^(tensorflow|keras|numpy) "
	$(VENV_LATEST)/bin/$(PYTEST)

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.installed-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) $(VENV_TF215) $(VENV_LATEST)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 10)' 2>/dev/null || \
		{ echo "error: PYTHON=$(PYTHON) is not Python 3.10 or newer; use make PYTHON=..."; exit 2; }
	$(PYTHON) -m venv $(VENV)
	@# The pip that comes with older Pythons takes forever to resolve the requirements.
	$(BIN)/$(INSTALL) --upgrade pip

$(VENV)/.installed: requirements.txt | $(BIN)/python
	$(BIN)/$(INSTALL) -r requirements.txt
	@touch $@

$(VENV)/.installed-test: requirements-test.txt requirements.txt $(JAX) | $(BIN)/python
	$(BIN)/$(INSTALL) -r requirements.txt -r requirements-test.txt -r $(JAX)
	@touch $(VENV)/.installed $@

$(VENV_TF215)/.installed: requirements-tf215.txt requirements-test.txt
	@test -n "$(PYTHON_TF215)" || \
		{ echo "error: TensorFlow 2.15 needs Python 3.9 to 3.11; use make PYTHON_TF215=..."; exit 2; }
	$(PYTHON_TF215) -m venv $(VENV_TF215)
	$(VENV_TF215)/bin/$(INSTALL) --upgrade pip
	$(VENV_TF215)/bin/$(INSTALL) -r requirements-tf215.txt -r requirements-test.txt
	@touch $@
