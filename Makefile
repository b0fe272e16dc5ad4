# A thin front for scripts/ and CMake presets. `make run` from a fresh clone is all it takes to see a scenario run.

.DEFAULT_GOAL := help
PREFIX ?= /usr/local
.PHONY: help build run test lint format bench nightly install clean

help: ## show this
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 18

build: ## install what is missing, then build the programs (build/bin) and plugins (build/plugins)
	@scripts/install-dependencies build
	@scripts/build-programs

run: build ## start operond on its embedded defaults, run the scenario hello, and go on serving until Ctrl-C
	@scripts/run

test: ## build everything and run all tests
	@scripts/install-dependencies build test
	@scripts/test

lint: ## formatting, clang-tidy, layers, generated files, the ABI's thread tags
	@scripts/install-dependencies build test lint
	@scripts/lint

format: ## put every C and C++ file into shape
	@scripts/install-dependencies lint
	@scripts/sources | xargs clang-format -i

bench: ## measure against peers in the same run, and print one table
	@scripts/install-dependencies build test bench
	@tests/bench/run

nightly: ## everything that takes long: full thread sanitizer, long fuzzing, benchmarks
	@scripts/install-dependencies build test lint bench
	@scripts/nightly

install: build ## programs, plugins, headers and SDK below PREFIX (default /usr/local)
	@cmake --install build --prefix "$(PREFIX)" >build/install.log && echo "installed below $(PREFIX)"

clean: ## remove all build folders
	rm -rf build build-*
