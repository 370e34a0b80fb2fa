#!/usr/bin/env bash
# Makes sure of Node 24 with npm (the system's, or one of our own in .tools/node) and of the dependencies.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"
lock node

new_enough() {
  have node && have npm && [[ $(node -p 'Number(process.versions.node.split(".")[0]) >= 24' 2>/dev/null) == true ]]
}

if ! new_enough; then
  step "Node 24 is missing ($(node --version 2>/dev/null || echo "no Node") on this machine): fetching it into .tools/node"
  scripts/fetch-node.sh "$tools/node"
  hash -r
  new_enough || fail "Node 24 was fetched but does not come first" "Remove .tools/node and try again."
fi
step "Node $(node --version), $(command -v node)"

# npm writes this file last; older than the lock file means that the dependencies changed since.
if [[ ! node_modules/.package-lock.json -nt package-lock.json ]]; then
  step "Fetching the dependencies (npm ci)"
  # Nothing we depend on needs its install script, so none is run.
  logged npm-ci npm ci --ignore-scripts --no-audit --no-fund || fail "npm ci failed"
fi
