#!/usr/bin/env bash
# fetch-node.sh DIRECTORY: puts Node 24 with npm there, whole or not at all. Needs no Node on the machine.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

target=$1
case $(uname -sm) in
  "Linux x86_64") platform=linux-x64 ;;
  "Linux aarch64") platform=linux-arm64 ;;
  *) fail "there is no ready-made Node 24 for $(uname -sm) here" "Install Node 24 or newer, then try again." ;;
esac

mkdir -p "$(dirname "$target")"
work=$(mktemp -d "$target.XXXXXX")
trap 'rm -rf "$work"' EXIT

# unpack_npm PACKAGE DIRECTORY: one package of the npm registry, checked by npm, no install script run.
unpack_npm() {
  local archive
  archive=$(cd "$work" && npm pack --silent "$1") || return 1
  mkdir -p "$2"
  tar -xzf "$work/${archive##*$'\n'}" -C "$2" --strip-components=1 --no-same-owner
}

from_npm() {
  say "fetching node-$platform@24 and npm@11 from the npm registry"
  unpack_npm "node-$platform@24" "$work/node" || return 1
  unpack_npm npm@11 "$work/node/lib/node_modules/npm" || return 1
  ln -sf ../lib/node_modules/npm/bin/npm-cli.js "$work/node/bin/npm"
  ln -sf ../lib/node_modules/npm/bin/npx-cli.js "$work/node/bin/npx"
  chmod +x "$work/node/bin/node" "$work"/node/lib/node_modules/npm/bin/*-cli.js
}

get() {
  if have curl; then
    curl -fsSL --connect-timeout 10 --retry 2 -o "$2" "$1"
  else
    wget -q --timeout=20 --tries=2 -O "$2" "$1"
  fi
}

from_site() {
  local site=https://nodejs.org/dist/latest-v24.x archive
  say "fetching Node 24 from $site"
  get "$site/SHASUMS256.txt" "$work/sums" || return 1
  archive=$(grep -o "node-v24[0-9.]*-$platform.tar.gz" "$work/sums" | head -n 1) || return 1
  get "$site/$archive" "$work/$archive" || return 1
  (cd "$work" && grep " $archive\$" sums | sha256sum --check --quiet -) || return 1
  mkdir "$work/node"
  tar -xzf "$work/$archive" -C "$work/node" --strip-components=1 --no-same-owner
}

from_debian() {
  say "neither npm nor a reachable nodejs.org: the distribution's npm serves to fetch the real one"
  apt_install npm ca-certificates
  from_npm
}

{ have npm && from_npm; } ||
  { { have curl || have wget; } && from_site; } ||
  { is_root && is_debian && from_debian; } ||
  fail "Node 24 could not be fetched" \
    "Install Node 24 or newer, or npm or curl (sudo apt-get install npm), then try again."

"$work/node/bin/node" --version >/dev/null || fail "the Node that was fetched does not run on this machine"
rm -rf "$target"
mv "$work/node" "$target"
