#!/usr/bin/env bash
# Builds the server's image and says how much it adds to its base: more than 120 MB is a failure.
# LAYOUTS_FROM, LAYOUTS_REF: layouts to bake in, as `kiisrv layouts sync` takes them; a path is one of this machine.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"
lock images
step "Server image"

from=${LAYOUTS_FROM:-} bundle=layouts.bundle
trap 'rm -f "$root/$bundle"' EXIT
if [[ -d $from ]]; then
  git -C "$from" bundle create --quiet "$root/$bundle" --all || fail "$from is no git repository with commits"
elif [[ -f $from ]]; then
  cp -- "$from" "$bundle"
fi
if [[ -e $from ]]; then from=/tmp/$bundle; fi
build_image kiisrv-server . --build-arg "LAYOUTS_FROM=$from" --build-arg "LAYOUTS_REF=${LAYOUTS_REF:-}"

size() { docker image inspect --format '{{.Size}}' "$1"; }
added=$((($(size kiisrv-server) - $(size node:24-bookworm-slim)) / 1000000))
say "kiisrv-server: $(($(size kiisrv-server) / 1000000)) MB, $added MB of it over its base"
((added <= 120)) || fail "the server image is more than 120 MB over its base"
