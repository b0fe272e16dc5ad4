# A thin front for scripts/ and CMake presets. `make run` from a fresh clone is all it takes to see a scenario run.

.DEFAULT_GOAL := help
PREFIX ?= /usr/local
.PHONY: help build run test lint format bench nightly install-programs image install uninstall deploy undeploy build-installer clean

help: ## show this
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 26

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

nightly: ## everything that takes long: a real Kubernetes, full thread sanitizer, long fuzzing, benchmarks
	@scripts/install-dependencies build test lint bench
	@scripts/nightly

install-programs: build ## programs, plugins, headers and SDK below PREFIX (default /usr/local)
	@cmake --install build --prefix "$(PREFIX)" >build/install.log && echo "installed below $(PREFIX)"

image: build ## container images, without a container engine: build/image/operon.tar and data-provider.tar
	@scripts/install-dependencies image
	@scripts/image

# As in krkn-operator: `install` is about the cluster.
ifneq ($(filter command,$(firstword $(origin PREFIX))),)
install:
	@echo "install puts the custom resources into the cluster that kubectl reaches; for the programs: make install-programs PREFIX=$(PREFIX)" >&2; exit 2
else
install: ## put the custom resources into the cluster that kubectl reaches
	@scripts/deploy install
endif

uninstall: ## remove the custom resources from the cluster, and every object of theirs
	@scripts/deploy uninstall

deploy: ## put everything into the cluster; IMG and DATA_PROVIDER_IMG are the images
	@scripts/deploy deploy

undeploy: ## remove everything but the custom resources from the cluster
	@scripts/deploy undeploy

build-installer: ## write everything into build/install.yaml
	@scripts/deploy build-installer

clean: ## remove all build folders
	rm -rf build build-*
