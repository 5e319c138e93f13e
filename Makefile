# Thin: each target is a few commands. Every tool runs on the Node of the lock file, never on the system's.
SHELL := /bin/bash
ARCH := $(if $(filter aarch64 arm64,$(shell uname -m)),arm64,x64)
NODE_HOME := node_modules/node-linux-$(ARCH)
NODE := $(CURDIR)/$(NODE_HOME)/bin/node
VITEST := $(NODE) node_modules/vitest/vitest.mjs
N ?= 1000000

.PHONY: help install build native run test emulator test-slow mutate fuzz bench check format corpus docs pack clean
help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

install: node_modules/.installed ## the packages of the lock file, without install scripts
node_modules/.installed: package-lock.json package.json
	npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

build: dist/.built build/measurements.json ## compile, make the enclave's program and its measurements
dist/.built: node_modules/.installed tsconfig.json $(shell find src native enclave verifier host images -name '*.ts' -not -path '*/node_modules/*' 2>/dev/null)
	$(NODE) node_modules/typescript/bin/tsc -p tsconfig.json --outDir build/dist
	@rm -rf dist && mv build/dist dist
	$(NODE) dist/images/copy-assets.js
	@touch $@
build/measurements.json: dist/.built package-lock.json
	$(NODE) --no-warnings dist/host/launch/build-image.js

native: native/addon/build/Release/assay.node ## the addon: vsock and /dev/nsm; offline, against the locked Node's headers
native/addon/build/Release/assay.node: node_modules/.installed native/addon/binding.gyp $(wildcard native/addon/*.cc native/addon/*.h)
	$(NODE) node_modules/node-gyp/bin/node-gyp.js rebuild --silent --directory native/addon --nodedir=$(CURDIR)/$(NODE_HOME)

run: build ## the main job: enclave, decisions, attacks; ONCE=1 exits after the story
	@bin/assay run --story $(if $(filter 1,$(ONCE)),--once)

test: build native check ## everything that runs in minutes
	$(VITEST) run

emulator: build ## QEMU with the Nitro Enclave machine, about ten minutes, once; then assay run --platform nitro-emulated
	$(NODE) --no-warnings dist/images/emulator/make.js

test-slow: build native ## whole systems, killed and starved; interop
	ASSAY_SLOW=1 $(VITEST) run test/slow

mutate: build ## the mutation suites alone; ASSAY_MUTATIONS=N
	$(VITEST) run test/mutation --testTimeout=3600000

fuzz: build ## N mutations a format, printed seed
	ASSAY_MUTATIONS=$(N) $(VITEST) run test/mutation --testTimeout=86400000

bench: build native ## medians, with baselines of the same run
	@for bench in test/bench/*.bench.ts; do $(NODE) --no-warnings $$bench || exit 1; done

check: node_modules/.installed ## types, lint, format
	$(NODE) node_modules/typescript/bin/tsc -p test/tsconfig.json
	node_modules/.bin/oxlint --deny-warnings
	node_modules/.bin/biome format

format: node_modules/.installed
	node_modules/.bin/biome format --write

corpus: node_modules/.installed ## fetch the recorded evidence from its public sources
	$(NODE) --no-warnings test/corpus/fetch.ts

docs: node_modules/.installed ## pages that are made from the code
	$(NODE) --no-warnings test/support/errors-page.ts
	$(NODE) --no-warnings test/support/formats-page.ts
	$(NODE) --no-warnings test/support/trust-schema-page.ts

pack: dist/.built ## the assay-verifier package
	$(NODE) dist/images/pack-verifier.js

clean:
	rm -rf dist build native/addon/build
