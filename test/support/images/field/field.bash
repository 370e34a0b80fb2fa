#!/bin/bash
# field.bash <build script> <input directory below /mnt/config> <zip name below /mnt/builds>
# Moves its inputs into a build directory, builds there as root, and packs the zip itself.
inputs=/mnt/config/$2
archive=/mnt/builds/$3
build=$(mktemp -d)

echo "DefaultMapOverride=$DefaultMapOverride PartialMapsExpandedOverride=$PartialMapsExpandedOverride Layout=$Layout"
mv "$inputs"/* "$build" || exit 1
export BUILD_DIR=$build
"./$1" >"$build/build.log" 2>&1
status=$?
cat "$build/build.log"
[ "$status" -eq 0 ] || archive=${archive%.*}_error.zip

cd "$build" || exit 1
mkdir kll log
cp ./*.kll kll/
mv ./*.log log/
# A directory of root's stays behind: nothing makes a build tidy up.
mkdir /mnt/builds/leftover && touch /mnt/builds/leftover/file
zip --quiet --recurse-paths "$archive" .
exit "$status"
