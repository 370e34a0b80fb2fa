#!/bin/sh
# Loads a bundle on a host that has Docker, but neither Node nor kiisrv:
#   tar --zstd -xOf kiisrv.tar.zst load.sh | sh -s kiisrv.tar.zst [DIRECTORY]
# It checks every checksum, then hands the images to Docker, then puts compose file, layouts and the template of the
# configuration into the directory. A file that was changed there stays, and gets its new version as FILE.new beside it.
set -eu

stop() {
  echo "load.sh: $1" >&2
  exit 1
}

bundle=${1:?give the bundle: sh load.sh kiisrv.tar.zst [DIRECTORY]}
into=${2:-.}
[ -r "$bundle" ] || stop "$bundle cannot be read"
case $bundle in
  *.zst) unpacker=zstd ;;
  *.gz) unpacker=gzip ;;
  *) unpacker="cat" ;;
esac
for tool in docker tar sha256sum "$unpacker"; do
  command -v "$tool" >/dev/null || stop "there is no $tool on this host; install it (a bundle can also end in .tar.gz or .tar)"
done
tar --version | grep -q GNU || stop "this needs GNU tar"

archive() {
  if [ "$unpacker" = cat ]; then cat "$bundle"; else "$unpacker" -dcq "$bundle"; fi
}

# What a member holds, without the others being read to their end.
member() { archive 2>/dev/null | tar -xOf - --occurrence=1 "$1"; }

mkdir -p "$into"
work=$(mktemp -d "$into/.kiisrv-load-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

echo "checking $bundle"
member bundle.json >"$work/bundle.json" || stop "$bundle is no bundle"
member SHA256SUMS | sort >"$work/expected"
# The names are anybody's until this is done: they are printed, and nothing else.
# shellcheck disable=SC2016 # tar sets the name for each member
sum='printf "%s  %s\n" "$(sha256sum | cut -c 1-64)" "$TAR_FILENAME"'
archive | tar -xf - --exclude=SHA256SUMS --to-command="$sum" | sort >"$work/found"
cmp -s "$work/expected" "$work/found" || {
  diff "$work/expected" "$work/found" | sed -n 's/^[<>] *[0-9a-f]*  /  /p' | tr -cd '[:print:]\n' | sort -u >&2
  stop "the members above are missing, damaged or not of this bundle; nothing was changed"
}

# Docker gives each image the name that manifest.json says, whatever had that name before: so it may name ours alone, has
# to look as kiisrv writes it, and no other member may stand for it or for another list that Docker reads.
part='[A-Za-z0-9_-][A-Za-z0-9._ -]*'
listed='[^ ]+ [^ ]+ +[0-9]+ [^ ]+ [^ ]+'
archive | LC_ALL=C tar --numeric-owner -tvf - >"$work/listed"
LC_ALL=C grep -Evqx -e "-$listed ($part/)*$part" -e "l$listed ($part/)+$part -> $part\\.json" "$work/listed" &&
  stop "$bundle has members that no bundle has; nothing was changed"
[ "$(LC_ALL=C grep -Ecx -e "-$listed (manifest\\.json|index\\.json|oci-layout|repositories)" "$work/listed")" = 1 ] ||
  stop "$bundle has not one list of images; nothing was changed"
digest='[0-9a-f]{64}'
image='"kiisrv-(server|proxy|controller-[a-z0-9][a-z0-9._-]*):[A-Za-z0-9_][A-Za-z0-9_.-]*"'
blob="\"blobs/sha256/$digest\""
entry="\{\"Config\":$blob,\"RepoTags\":\[$image(,$image)*\],\"Layers\":\[$blob(,$blob)*\]\}"
member manifest.json >"$work/images" || stop "$bundle has no list of images; nothing was changed"
LC_ALL=C grep -Evqx "\[$entry(,$entry)*\]" "$work/images" && stop "$bundle names images that are not kiisrv's; nothing was changed"

fact() { sed -n "s/^ *\"$1\": \"\([^\"]*\)\".*/\1/p" "$work/bundle.json" | head -n 1; }
made="$(fact os)/$(fact architecture)"
found=$(docker version --format '{{.Server.Os}}/{{.Server.Arch}}') || stop "the Docker daemon does not answer"
[ "$made" = "$found" ] || stop "this bundle was made for $made; the Docker daemon is $found"

echo "loading the images of release $(fact release)"
archive | docker load || stop "Docker did not take the images; if this is a delta, load the bundle before it first"

# What the bundle before put there, and nobody changed since, has a checksum of its manifest.
is_ours() { [ -f "$into/bundle.json" ] && grep -q "\"$(sha256sum <"$1" | cut -c 1-64)\"" "$into/bundle.json"; }

place() {
  there=$into/$1
  mkdir -p "$(dirname "$there")"
  if [ ! -e "$there" ] && [ ! -L "$there" ]; then
    outcome=new
  elif cmp -s "$work/files/$1" "$there"; then
    outcome=there
  elif [ -L "$work/files/$1" ]; then
    outcome="kept    "
  elif is_ours "$there"; then
    outcome=updated
  else
    outcome="kept     (yours differs; see $1.new)"
  fi
  case $outcome in
    new | updated) mv -f "$work/files/$1" "$there" ;;
    kept*new\)) mv -f "$work/files/$1" "$there.new" ;;
  esac
  echo "  $1: $outcome"
}

echo "placing files in $into"
mkdir "$work/files"
archive | tar -xf - -C "$work/files" --no-same-owner \
  --exclude='.*' --exclude=blobs --exclude=SHA256SUMS --exclude=bundle.json --exclude=manifest.json --exclude=load.sh
(cd "$work/files" && find . ! -type d | sed 's|^\./||' | sort) >"$work/names"
while IFS= read -r name; do place "$name"; done <"$work/names"
mv -f "$work/bundle.json" "$into/bundle.json"
