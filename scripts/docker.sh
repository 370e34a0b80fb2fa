#!/usr/bin/env bash
# Makes sure that a Docker daemon answers: installs Docker Engine when there is none, starts it when it is not running.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
socket=/var/run/docker.sock
pid_file=/var/run/docker.pid
log=/var/log/kiisrv-dockerd.log
patience=60

answers() { have docker && timeout 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }
done_if_it_answers() {
  if ! answers; then return; fi
  step "Docker $(docker version --format '{{.Server.Version}}') answers"
  exit 0
}

done_if_it_answers
if [[ -n ${DOCKER_HOST:-} ]]; then
  have docker || fail "DOCKER_HOST is set but there is no docker command" "Install it: sudo apt-get install docker.io"
  fail "no Docker daemon answers at DOCKER_HOST=$DOCKER_HOST" "Start it there, or unset DOCKER_HOST to use this machine's."
fi

if ! is_root; then
  if [[ -S $socket && ! -w $socket ]]; then
    fail "the Docker socket is there, but $(id -un) may not use it" \
      "sudo usermod -aG docker $(id -un)" "newgrp docker   # or log in again"
  fi
  if have dockerd; then
    fail "no Docker daemon answers, and only root can start it" \
      "sudo systemctl enable --now docker" "or, without systemd: sudo service docker start"
  fi
  if is_debian; then
    fail "Docker Engine is not installed, and only root can install it" "sudo apt-get install docker.io" \
      "sudo usermod -aG docker $(id -un)   # then log in again" "or run this once as root: sudo make setup"
  fi
fi

# Whether the process a pid file names is that program, and not a zombie or a stranger with its number.
lives() {
  local pid status
  pid=$(cat "$1" 2>/dev/null) || return 1
  status=$(cat "/proc/$pid/status" 2>/dev/null) || return 1
  grep -qE "^Name:\s+$2$" <<<"$status" && ! grep -qE '^State:\s+[ZX]' <<<"$status"
}

# A daemon that was killed leaves its pid file, and that keeps the next one from starting.
forget_if_dead() { lives "$1" "$2" || rm -f "$1"; }

lock docker
done_if_it_answers

if ! have docker || ! have dockerd; then
  step "Docker Engine is missing"
  is_debian || fail "Docker Engine is not installed" "See https://docs.docker.com/engine/install/"
  packages=(docker.io)
  # Newer releases keep the client in a package of its own.
  if apt-get update -qq >/dev/null 2>&1 && apt-cache show docker-cli >/dev/null 2>&1; then packages+=(docker-cli); fi
  apt_install "${packages[@]}"
  hash -r
  # With systemd, installing it starts it.
  done_if_it_answers
fi

if [[ -d /run/systemd/system ]]; then
  step "Starting Docker (systemctl start docker)"
  systemctl start docker || fail "systemd could not start Docker" "journalctl -u docker -n 50 tells why"
  running() { systemctl -q is-active docker; }
  show_log() { journalctl -u docker -n 20 --no-pager >&2; }
elif lives "$pid_file" dockerd; then
  step "Waiting for the Docker daemon that runs, but does not answer"
  running() { lives "$pid_file" dockerd; }
  show_log() { say "process $(cat "$pid_file"), started by somebody else" >&2; }
else
  step "Starting Docker (dockerd in the background, log: $log)"
  forget_if_dead "$pid_file" dockerd
  forget_if_dead /var/run/docker/containerd/containerd.pid containerd
  setsid nohup dockerd >"$log" 2>&1 </dev/null 9>&- &
  daemon=$!
  running() { kill -0 "$daemon" 2>/dev/null; }
  show_log() { tail -n 20 "$log" >&2; }
fi

started=$SECONDS
while ((SECONDS - started < patience)); do
  done_if_it_answers
  if ! running; then
    show_log
    fail "Docker gave up while starting; its last words are above"
  fi
  if (((SECONDS - started) % 5 == 4)); then say "waiting for it to answer ($((SECONDS - started)) s)"; fi
  sleep 1
done
show_log
fail "Docker did not answer within $patience s; its last words are above"
