#!/bin/sh
# Starts the server in its container. Started as root (compose does that) it gives the server's user its directories
# and the group of the Docker socket, whatever that is on this host, and drops to that user for good.
set -eu

if [ "$(id -u)" -ne 0 ]; then exec "$@"; fi

socket=/var/run/docker.sock
groups=--clear-groups
if [ -S "$socket" ]; then groups=--groups=$(stat -c %g "$socket"); fi

for directory in "$KIISRV_DATA" "$KIISRV_TMP_CONFIG" "$KIISRV_TMP_BUILDS"; do
  mkdir -p "$directory"
  find "$directory" ! -user node -exec chown -h node:node {} +
done

exec setpriv --reuid=node --regid=node "$groups" --inh-caps=-all --no-new-privs -- "$@"
