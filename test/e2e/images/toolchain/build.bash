# build <build script> <input directory below /mnt/config> <archive name>: the layout's variant says what happens.
cd /mnt/builds || exit 1
inputs=/mnt/config/$2

compile() { cat "$inputs"/*.kll >kiibohd.dfu.bin; }

case $Layout in
  compiles) compile ;;
  # Takes as long as the test wants it to: until there is a file `go` beside the inputs.
  gated)
    until [ -e "$inputs/go" ]; do sleep 0.05; done
    compile
    ;;
  # Longer than from one look at its outputs to the next, wherever they are.
  slow) sleep 3 && compile ;;
  bulky) head -c 2M /dev/urandom >kiibohd.dfu.bin ;;
  # Whatever else there is: a function of hostile.bash.
  *) exec /bin/bash /usr/local/bin/hostile "$Layout" "$@" ;;
esac
