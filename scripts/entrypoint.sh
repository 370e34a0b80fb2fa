#!/bin/sh
# Starts the server in its container. Started as root (compose does that) it gives the server's user its directories
# and the group of the Docker socket, whatever that is on this host, and drops to that user for good.
set -eu

if [ "$(id -u)" -ne 0 ]; then exec "$@"; fi

socket=/var/run/docker.sock
groups=--clear-groups
if [ -S "$socket" ]; then groups=--groups=$(stat -c %g "$socket"); fi

# What builds were given they may still change, so of those directories only what is the server's own: the first level. There,
# and with -execdir, no link or renamed directory leads elsewhere.
own() {
  directory=$1
  shift
  mkdir -p "$directory"
  find "$directory" "$@" ! -user node -execdir chown -h node:node {} +
}
own "$KIISRV_DATA"
own "$KIISRV_TMP_CONFIG" -maxdepth 1
own "$KIISRV_TMP_BUILDS" -maxdepth 1

exec setpriv --reuid=node --regid=node "$groups" --inh-caps=-all --no-new-privs -- "$@"
