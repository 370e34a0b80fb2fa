# Bare `make` lists the targets. The work is done by scripts/, which say what they do.
export PATH := $(CURDIR)/.tools/node/bin:$(PATH)
sources := $(shell find src -name '*.ts') tsconfig.json tsconfig.build.json package-lock.json

.PHONY: help
help:
	@echo "make TARGET, where TARGET is one of"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s%s\n", $$1, $$2 }' Makefile

.PHONY: demo test build serve lint images verify-images bench setup server-image clean node

demo: setup build ## watch a layout become firmware, run in an emulator
	@node scripts/demo.ts

test: setup build ## lint, types and every test, with the real Docker daemon
	@scripts/test.sh

build: node dist/.built ## compile to dist/; then `npx --no-install kiisrv` is the command line
	@ln -sf ../../bin/kiisrv node_modules/.bin/kiisrv

serve: setup build ## run the server here (port 3001)
	@bin/kiisrv serve

lint: node ## check style and types
	npx --no-install biome check .
	npx --no-install tsc -p .
	@if command -v shellcheck >/dev/null; then echo "shellcheck"; shellcheck scripts/*.sh .ci/run bin/kiisrv; fi

images: setup ## build the server and the kiibohd controllers; VERSIONS="057 050" picks some, JOBS=2 at a time
	@scripts/images.sh all $(VERSIONS)

verify-images: setup ## build every board with the kiibohd images there are, compare, write docs/kiibohd-builds.md
	@node scripts/verify/main.ts $(VERSIONS)

bench: setup build ## measure; see bench/README.md
	@node bench/run.ts

setup: node ## fetch or start what is missing: Node 24, dependencies, Docker, base images, demo images
	@scripts/docker.sh
	@scripts/base-images.sh
	@scripts/images.sh

server-image: setup ## build the image kiisrv-server; LAYOUTS_FROM=ADDRESS puts layouts in it
	@scripts/server-image.sh

clean: ## remove what was built or fetched here; never data, artifacts, images or containers
	rm -rf dist node_modules .tools

node:
	@scripts/node.sh

dist/.built: $(sources) | node
	@echo "==> Compiling to dist/"
	@rm -rf dist
	@npx --no-install tsc -p tsconfig.build.json
	@touch $@
