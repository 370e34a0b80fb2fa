#!/bin/bash
# "Compiles": the firmware is the text of all KLL files. A file that says `syntax error` does not compile.
cd "$BUILD_DIR" || exit 1
if grep -Hn 'syntax error' ./*.kll; then
  echo 'compilation failed'
  exit 2
fi
touch /controller/built || exit 1
if [ "$SPLIT_KEYBOARD" = 1 ]; then
  cat ./*.kll >left_kiibohd.dfu.bin
  cat ./*.kll >right_kiibohd.dfu.bin
else
  cat ./*.kll >kiibohd.dfu.bin
fi
echo 'built as root'
