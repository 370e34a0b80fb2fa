#!/usr/bin/env bash
# Provides the two base images: by pulling them or, where no container registry answers, from the distribution's
# packages (debootstrap) and the Node that set-up fetched. Images made here carry the label kiisrv.base=local.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
debian=debian:bookworm-slim
node=node:24-bookworm-slim
pull_seconds=90

if has_image "$debian" && has_image "$node"; then
  step "Base images: $debian and $node are there"
  exit 0
fi
lock base-images

work=
clean() {
  if [[ -z $work ]]; then return; fi
  # An interrupted debootstrap leaves these mounted; what is behind them must not be deleted.
  umount "$work"/root/{proc,sys} 2>/dev/null || true
  rm -rf --one-file-system "$work"
}
trap clean EXIT

registry=unknown
pull() {
  if [[ $registry == silent ]]; then return 1; fi
  say "$1: pulling"
  if logged docker-pull timeout "$pull_seconds" docker pull --quiet "$1" 2>/dev/null; then
    say "$1: pulled"
    return
  fi
  say "$1: no container registry answers: $(tail -n 1 "$logs/docker-pull.log" | grep . | cut -c1-110 || echo "nothing within $pull_seconds s")"
  registry=silent
  return 1
}

# Runs a step of the making and counts its seconds.
timed() {
  local what=$1 started=$SECONDS
  shift
  "$@" || fail "$what failed"
  say "$what ($((SECONDS - started)) s)"
}

need_a_local_debian_builder() {
  local host
  host=$(uname -m)
  [[ $(docker info --format '{{.Architecture}}') == "$host" ]] ||
    fail "the Docker daemon is not of this machine's kind ($host)" "Pull or load $debian and $node there."
  is_root || fail "no container registry answers, and only root can build $debian from packages" \
    "sudo make setup   # or load the images: docker load < images.tar"
  have debootstrap || {
    is_debian || fail "no container registry answers, and there is no debootstrap here" "Install debootstrap."
    apt_install debootstrap debian-archive-keyring
  }
}

# mirror LABEL: where this machine gets that part of Debian from, if it is a Debian.
mirror() {
  if ! have apt-get; then return; fi
  # shellcheck disable=SC2016 # the placeholders are apt's
  apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    awk -v label="$1" '$1 == label && $2 ~ /^http/ && !n++ { sub("/$", "", $2); print $2 }'
}

write_sources() {
  local main=$1 security=$2
  printf 'deb %s %s main\n' "$main" bookworm "$main" bookworm-updates "$security" bookworm-security
}

# The image stays small: no documentation, no translations, now or in packages installed later.
slim() {
  local tree=$1
  cat >"$tree/etc/dpkg/dpkg.cfg.d/slim" <<'END'
path-exclude=/usr/share/doc/*
path-include=/usr/share/doc/*/copyright
path-exclude=/usr/share/man/*
path-exclude=/usr/share/info/*
path-exclude=/usr/share/locale/*
path-exclude=/usr/share/lintian/*
END
  cat >"$tree/etc/apt/apt.conf.d/slim" <<'END'
Acquire::Languages "none";
Acquire::GzipIndexes "true";
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };
END
  # No service starts inside an image.
  printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"
  chmod +x "$tree/usr/sbin/policy-rc.d"
  find "$tree/usr/share/doc" -type f ! -name copyright -delete
  find "$tree/usr/share/doc" -type l -delete
  find "$tree/usr/share/doc" -type d -empty -delete
  rm -rf "$tree"/usr/share/{man,info,locale,lintian}/* "$tree"/var/lib/apt/lists/* \
    "$tree"/var/cache/{apt,debconf}/* "$tree"/var/log/*.log "$tree"/var/log/apt/* "$tree"/tmp/*
}

# What this machine needs to reach the outside, an image made on it needs too: its own certificate authorities
# (a proxy that opens TLS) and its apt's opinion on the age of a mirror.
adopt_host() {
  local tree=$1 ca=$1/usr/local/share/ca-certificates
  mkdir -p "$ca"
  cp /usr/local/share/ca-certificates/*.crt "$ca/" 2>/dev/null || true
  cat "$ca"/*.crt >"$tree/usr/local/share/host-ca.pem" 2>/dev/null || true
  if have apt-config; then
    apt-config dump | grep -E '^Acquire::Check-(Valid-Until|Date) ' >"$tree/etc/apt/apt.conf.d/host" || true
  fi
}

import_tree() {
  tar -C "$1" --numeric-owner -c . |
    docker import --change 'CMD ["bash"]' --change 'LABEL kiisrv.base=local' - "$debian"
}

make_debian() {
  local main security tree
  work=$(mktemp -d /var/tmp/kiisrv-base.XXXXXX)
  tree=$work/root
  main=$(mirror Debian)
  timed "$debian: debootstrap" logged debootstrap \
    debootstrap --variant=minbase bookworm "$tree" ${main:+"$main"}
  # On another distribution debootstrap chose its default mirror, which also has the security suite.
  main=${main:-$(awk '/^deb / { sub("/$", "", $2); print $2; exit }' "$tree/etc/apt/sources.list")}
  security=$(mirror Debian-Security)
  write_sources "$main" "${security:-${main%/debian}/debian-security}" >"$tree/etc/apt/sources.list"
  slim "$tree"
  adopt_host "$tree"
  timed "$debian: import" logged import import_tree "$tree"
  clean
}

make_node() {
  local version
  work=$(mktemp -d /var/tmp/kiisrv-base.XXXXXX)
  if [[ -x $tools/node/bin/node ]]; then
    cp -a "$tools/node" "$work/node"
  else
    scripts/fetch-node.sh "$work/node"
  fi
  version=$("$work/node/bin/node" -p process.versions.node)
  rm -rf "$work"/node/{include,share,*.md,LICENSE,package.json}
  cat >"$work/Dockerfile" <<END
FROM $debian
RUN groupadd --gid 1000 node && useradd --uid 1000 --gid node --shell /bin/bash --create-home node
COPY --chown=0:0 node /usr/local
ENV NODE_VERSION=$version NODE_EXTRA_CA_CERTS=/usr/local/share/host-ca.pem
LABEL kiisrv.base=local
CMD ["node"]
END
  if ! docker run --rm "$debian" test -s /usr/local/share/host-ca.pem; then
    sed -i 's/ NODE_EXTRA_CA_CERTS=.*//' "$work/Dockerfile"
  fi
  timed "$node: build" logged node-image docker build -t "$node" "$work"
  clean
}

cd "$root"
step "Base images"
for image in "$debian" "$node"; do
  if has_image "$image"; then
    say "$image: there"
  elif ! pull "$image"; then
    if [[ $image == "$debian" ]]; then
      need_a_local_debian_builder
      say "$image: making it from the distribution's packages"
      make_debian
    else
      say "$image: making it from $debian and Node 24"
      make_node
    fi
  fi
done
