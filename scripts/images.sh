#!/usr/bin/env bash
# Builds our own images. Without arguments those that need nothing but a package mirror: the demo controller (the toolchain
# of the demo keyboard), the emulator it is tried in, and the reverse proxy of compose.prod.yaml. With `all`: the server and
# the kiibohd controllers, too, whose sources come from elsewhere; more words pick versions of them (`all 057 050`).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

if [[ ${1:-} == all ]]; then
  lock controllers
  step "Server and controllers"
  exec node scripts/images/main.ts "${@:2}"
fi

lock images
step "Images"
build_image kiisrv-controller-demo controllers --file controllers/demo/Dockerfile
build_image kiisrv-emulator scripts/emulator
build_image kiisrv-proxy scripts/proxy
