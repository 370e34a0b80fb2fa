#!/bin/sh
# `kiisrv` in the server's container: the command line, as the user and with the groups the server has there.
exec /app/scripts/entrypoint.sh node /app/dist/main.js "$@"
