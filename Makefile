.PHONY: demo test check lock setup clean

demo: setup ## Train, quantize, build and run a network on an emulated board
	scripts/demo

test: setup ## The whole test suite
	.venv/bin/python -m pytest -n 2

check: ## Formatter, linter, types and fast tests
	scripts/check

lock: ## Renew requirements.lock
	scripts/lock

setup: ## Debian packages and .venv; does nothing when they are there
	scripts/setup

clean: ## Everything that can be made again
	rm -rf .venv build dist demo-report .pytest_cache .mypy_cache .ruff_cache .hypothesis
