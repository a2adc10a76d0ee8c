# SPDX-License-Identifier: MIT
#
# The front door: one word a job. `make` alone lists them. The build itself is CMake's (CMakePresets.json).

SHELL := /bin/sh
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
PREFIX ?= /usr/local
TIME ?= 60
.DEFAULT_GOAL := help
.PHONY: help deps deps-run build release release-run clang-build run quick test san clang fault fuzz bless cases fmt lint bench cover \
        doc gen install clean

# Configures and builds one preset, silent unless something is wrong or long.
define cmake_build
	@mkdir -p build
	@cmake --preset $(1) >build/$(1).log 2>&1 || { cat build/$(1).log; exit 1; }
	@cmake --build --preset $(1) -j $(JOBS) $(2)
endef

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

deps: ## install what is missing of the tools (Debian packages; as root or with sudo)
	@scripts/deps.sh all

deps-run:
	@scripts/deps.sh run

build: ## build the library, the program and the tests (build/dev)
	$(call cmake_build,dev)

# No tests here: a machine that only runs the program needs no cmocka and should not wait for them.
release: deps-run
	$(call cmake_build,release,--target stopcode stopcode_static stopcode_shared)

# What `make run` opens when nobody names a dump: a published case, made from its text.
EXAMPLE := do-not-disturb

run: ## make run DUMP=file: build what is needed and open a dump with !analyze -v; without DUMP a made one
	@if [ -n "$$DUMP" ] && [ ! -e "$$DUMP" ]; then echo "make run: there is no file $$DUMP"; exit 2; fi
	@mkdir -p build/example
	@$(MAKE) --no-print-directory release-run >build/run.log 2>&1 || { cat build/run.log; exit 1; }
	@set -- -c '!analyze -v'; [ -t 0 ] || set -- -c '!analyze -v; q'; \
	    if [ -n "$$DUMP" ]; then exec build/release/stopcode -z "$$DUMP" "$$@"; fi; \
	    dump=build/example/$(EXAMPLE).dmp; \
	    build/release/stopcode-forge -q tests/cases/$(EXAMPLE)/scenario.txt -o $$dump || exit 1; \
	    echo "No DUMP=file was named: this is $$dump, made from tests/cases/$(EXAMPLE)/scenario.txt"; \
	    exec build/release/stopcode -z $$dump -y $$dump.store -i $$dump.store "$$@"

release-run: deps-run
	$(call cmake_build,release,--target stopcode stopcode-forge)

quick: build ## unit tests only, under ten seconds
	@scripts/test.py --build build/dev --kind unit -j $(JOBS)

test: ## install what is missing, build, and run everything: the one command to trust
	@scripts/deps.sh test
	@$(MAKE) --no-print-directory build
	@scripts/test.py --build build/dev -j $(JOBS)

san: ## unit, golden and program tests under AddressSanitizer and UBSan (build/san)
	$(call cmake_build,san)
	@scripts/test.py --build build/san --tier san -j $(JOBS)

clang: ## build with Clang (build/clang) and run the unit tests
	$(call cmake_build,clang)
	@scripts/test.py --build build/clang --kind unit --tier clang -j $(JOBS)

fault: build ## every allocation made to fail in turn
	@scripts/test.py --build build/dev --kind fault -j $(JOBS)

fuzz: ## make fuzz T=name TIME=60: one fuzzer for so many seconds; without T their names
	@scripts/fuzz.sh "$(T)" "$(TIME)" "$(JOBS)"

bless: build ## make bless F=golden/name: rewrite the expected output of a transcript (F=golden: all)
	@if [ -z "$(F)" ]; then echo 'Name the transcript:  make bless F=golden/name  (F=golden: all)'; exit 2; fi
	@STOPCODE=build/dev/stopcode tests/golden/run.py --bless "$(F)"

cases: build ## judge the verdicts on twins: dumps that look alike (docs/design/verdicts.md)
	@scripts/cases.py --build build/dev

fmt: ## format the C code with the project's style
	@find include src tools tests examples -name '*.[ch]' | xargs -P $(JOBS) -n 20 clang-format -i

lint: ## check layers, sizes, style, generated tables, forbidden things
	@scripts/lint.py

gen: ## make the generated tables under src/*/gen from data/
	@for script in gen/*.py; do grep -q __main__ "$$script" && { "./$$script" || exit 1; }; done; true

bench: release ## measure start-up, opening, memory, stacks and batch analysis; a report, not a test
	$(call cmake_build,release,--target stopcode-forge bench_paging bench_copy bench_unwind)
	@scripts/bench.py --program build/release/stopcode

cover: ## line coverage of the unit tests and transcripts (build/cover)
	@scripts/cover.sh "$(JOBS)"

doc: build ## write docs/manual from the commands' own help, and the matrix of builds and commands
	@build/dev/stopcode --manual > docs/manual/commands.md.new \
	    && mv docs/manual/commands.md.new docs/manual/commands.md
	@scripts/matrix.py

install: release ## install program, library, headers and manual under PREFIX (/usr/local)
	@cmake --install build/release --prefix "$(PREFIX)"

clean: ## remove everything that was built
	@rm -rf build
