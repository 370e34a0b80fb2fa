#!/usr/bin/env bash
# Provides a Compose for the tests of the production stack: docker-compose of Debian, where there is no other. Without it
# those tests are skipped, so nothing here is a failure.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

step "Compose"
if [[ -n ${KIISRV_COMPOSE:-} ]]; then
  say "$KIISRV_COMPOSE, as KIISRV_COMPOSE says"
elif docker compose version >/dev/null 2>&1; then
  say "docker compose is there"
elif have docker-compose; then
  say "docker-compose is there"
elif ! is_root || ! is_debian; then
  say "there is none, and only root of a Debian can have it installed here; its tests will be skipped"
else
  lock compose
  (apt_install docker-compose) || say "its tests will be skipped"
fi
