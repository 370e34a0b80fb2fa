# shellcheck shell=bash
# What the set-up scripts share. Sourced, never run.

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tools=$root/.tools
logs=$tools/log
export PATH=$tools/node/bin:$PATH

bold='' red='' plain=''
if [[ -t 1 && -t 2 ]]; then bold=$'\033[1m' red=$'\033[31m' plain=$'\033[0m'; fi

# A step that is under way, something worth knowing, and the end of the road: what is wrong, then what to do.
step() { printf '%s==> %s%s\n' "$bold" "$*" "$plain"; }
say() { printf '    %s\n' "$*"; }
fail() {
  printf '%scannot go on:%s %s\n' "$red" "$plain" "$1" >&2
  shift
  if (($#)); then printf '    %s\n' "$@" >&2; fi
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }
is_root() { ((EUID == 0)); }
is_debian() { have apt-get && have dpkg; }

# lock NAME: one of these scripts at a time; held until the script ends. Children that stay must close fd 9.
lock() {
  mkdir -p "$tools"
  if ! have flock; then return; fi
  exec 9>"$tools/$1.lock"
  if flock -n 9; then return; fi
  say "waiting for another set-up that is under way ($1)"
  flock 9
}

# logged NAME COMMAND...: runs the command with its output in a file; shows the end of it when it fails.
logged() {
  local log=$logs/$1.log
  shift
  mkdir -p "$logs"
  if "$@" >"$log" 2>&1; then return; fi
  printf -- '---- the last lines of %s ----\n' "$log" >&2
  tail -n 40 "$log" >&2
  return 1
}

# apt_install PACKAGE...: as root on Debian or Ubuntu only; callers check.
apt_install() {
  export DEBIAN_FRONTEND=noninteractive
  say "installing $* (apt-get)"
  logged apt-update apt-get update || say "apt-get update failed; trying with the lists there are"
  logged "apt-$1" apt-get install -y --no-install-recommends "$@" || fail "apt-get could not install $*"
}

has_image() { docker image inspect "$1" >/dev/null 2>&1; }

# The proxy settings of this machine as build arguments, for whoever sits behind one.
proxy_args=()
for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
  if [[ -n ${!name:-} ]]; then proxy_args+=(--build-arg "$name"); fi
done

# build_image NAME DIRECTORY [DOCKER OPTION...]: builds with Docker's cache and says what came of it.
build_image() {
  local name=$1 directory=$2 before after started=$SECONDS
  shift 2
  before=$(docker image inspect --format '{{.Id}}' "$name" 2>/dev/null || true)
  if [[ -z $before ]]; then say "$name: building (log: .tools/log/$name.log)"; fi
  logged "$name" docker build --force-rm -t "$name" ${proxy_args[@]+"${proxy_args[@]}"} "$@" "$directory" ||
    fail "the image $name could not be built"
  after=$(docker image inspect --format '{{.Id}}' "$name")
  if [[ $before == "$after" ]]; then
    say "$name: up to date ($((SECONDS - started)) s)"
  else
    say "$name: built ($((SECONDS - started)) s)"
  fi
}
