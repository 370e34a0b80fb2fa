#!/usr/bin/env bash
# Builds our own images: the demo controller (the toolchain of the demo keyboard) and the emulator it is tried in.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"
lock images
step "Images"
build_image kiisrv-controller-demo controllers --file controllers/demo/Dockerfile
build_image kiisrv-emulator scripts/emulator
