# SPDX-License-Identifier: Apache-2.0
# The commands of the checkout; `make` alone lists them.

PYTHON ?= python3
VENV := $(CURDIR)/.venv
PYTEST_ARGS ?=

# Everything below runs in the environment of `make env`, whatever else is on this machine's paths; the graphs of tests
# stay on this machine, and rclpy checks the type of every field that they set.
unexport PYTHONPATH
export AMENT_PREFIX_PATH := $(VENV)
export ROS_AUTOMATIC_DISCOVERY_RANGE := LOCALHOST
export ROS_PYTHON_CHECK_FIELDS := 1

.DEFAULT_GOAL := help
.PHONY: help env build demo check test test-more lint format docs clean

help:  ## list the commands
	@awk -F ':.*##' '/^[a-z-]+:.*##/ {printf "  make %-10s%s\n", $$1, $$2}' Makefile

env:  ## make .venv: ROS 2, the pinned packages, this package (does only what is still to do)
	@"$(PYTHON)" tools/make_env.py

build: env  ## the same; run it after changing a message or adding a file

demo: env  ## simulate the DROID robot for twenty seconds and write a report
	@"$(VENV)/bin/molmoact2" demo

check: lint  ## check style and types, and run the unit tests that are not slow: what to run before each commit
	@"$(VENV)/bin/python" -m pytest -m "not (slow or node or sim or graph or parity or realtime or extras)" $(PYTEST_ARGS)

test: lint  ## check style and types, then run all tests but those of test-more; no load of the computer fails them
	@"$(VENV)/bin/python" -m pytest -m "not (realtime or extras)" $(PYTEST_ARGS)

test-more: env  ## run what takes an idle computer, or packages that make env does not bring
	@"$(VENV)/bin/python" -m pytest -m "realtime or extras" $(PYTEST_ARGS)

lint: env  ## check style, format and types alone
	@"$(VENV)/bin/ruff" check
	@"$(VENV)/bin/ruff" format --check
	@"$(VENV)/bin/mypy"

format: env  ## rewrite the files in the format that `make lint` asks for
	@"$(VENV)/bin/ruff" check --fix
	@"$(VENV)/bin/ruff" format

docs: env  ## write the reference pages (parameters, messages) from the code
	@"$(VENV)/bin/python" tools/make_docs.py

clean:  ## remove what was built; .venv stays
	rm -rf build install log dist *.egg-info .pytest_cache .mypy_cache .ruff_cache symlink_install_manifest.txt
	find . -path ./.venv -prune -o -name __pycache__ -type d -exec rm -rf {} +
