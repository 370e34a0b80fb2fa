#!/usr/bin/env bash
# Builds the server's image and says how much it adds to its base: more than 120 MB is a failure.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"
lock images
step "Server image"
build_image kiisrv-server .

size() { docker image inspect --format '{{.Size}}' "$1"; }
added=$((($(size kiisrv-server) - $(size node:24-bookworm-slim)) / 1000000))
say "kiisrv-server: $(($(size kiisrv-server) / 1000000)) MB, $added MB of it over its base"
((added <= 120)) || fail "the server image is more than 120 MB over its base"
