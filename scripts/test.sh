#!/usr/bin/env bash
# Lint, types and every test; the last line is the count: N passed, N failed, N skipped.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

broken=0
check() {
  step "$1"
  "${@:2}" || broken=$((broken + 1))
}
check "Lint" npx --no-install biome check .
check "Types" npx --no-install tsc -p .

scripts/compose.sh

step "Tests"
KIISRV_TALLY=$(mktemp)
export KIISRV_TALLY
trap 'rm -f "$KIISRV_TALLY"' EXIT
code=0
npx --no-install vitest run --reporter=default --reporter=./test/support/tally.ts || code=$?

# No counts: vitest itself fell over.
read -r passed failed skipped <"$KIISRV_TALLY" || { passed=0 failed=1 skipped=0; }
if ((code != 0 && failed == 0)); then failed=1; fi
failed=$((failed + broken))
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0))
