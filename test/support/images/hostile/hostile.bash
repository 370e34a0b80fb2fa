# Builds that misbehave, one function each: BUILD [ARGUMENT...] <input directory> <archive name>
# With --wait they are told on standard input; the image may be made to do that badly (WAITING).
cd /mnt/builds

if [ "$1" = --wait ]; then
  case $WAITING in
    crashes) exit 1 ;;
    tarries) sleep 3600 ;;
    talks) echo 'waiting'; echo 'Deprecated: do not wait' ;;
    *) echo 'waiting' ;;
  esac
  IFS= read -r job || exit 0
  exec </dev/null
  # As much of JSON as the tests' jobs need: their strings are words of the shell, too.
  [[ $job =~ ^\{\"command\":\[(.*)\],\"environment\":\{(.*)\}\}$ ]] || exit 70
  environment=${BASH_REMATCH[2]//\":\"/=}
  eval "set -- ${BASH_REMATCH[1]//,/ }"
  eval "export ${environment//\",\"/\" \"}"
fi

inputs=/mnt/config/${*: -2:1}

firmware() { printf 'firmware' >kiibohd.dfu.bin; }

well() {
  firmware
  mkdir log
  cat "$inputs"/* >log/build.log
  echo "to stdout: $Greeting"
  echo 'to stderr: grüße' >&2
}

missing() { echo 'nothing to see'; }
empty() { : >kiibohd.dfu.bin; }
fails() { firmware; echo 'error: it does not compile'; exit 3; }
killed() { kill -9 $$; }
sleeps() { echo 'asleep'; sleep 3600; }
deaf() { exec >/dev/null 2>&1 </dev/null; sleep 1; firmware; }
symlink() { ln -s /etc/passwd kiibohd.dfu.bin; }
linked_directory() { firmware; ln -s /etc etc; }
fifo() { mkfifo kiibohd.dfu.bin; }
many_files() { firmware; for n in $(seq 10000); do : >"file-$n"; done; }
many_files_and_on() { many_files; sleep 3600; }
many_bytes() { for n in 1 2 3 4 5 6 7 8; do head -c 1M /dev/zero >"part-$n"; done; firmware; }
fills_disk() { head -c 16M /dev/zero >part || exit 1; }
sparse() { firmware; truncate -s 5G huge.bin; }
fork_bomb() { bomb() { bomb | bomb & }; bomb; sleep 3600; }
# From a pipe: `tail` would skip to the end of the device itself.
memory_hog() { firmware; cat /dev/zero | tail -c 2G; }
memory_hog_handled() { memory_hog || exit 2; }
tmp_hog() { head -c 2G /dev/zero >/tmp/hog; }
endless_log() { firmware; yes 'la la la'; }

# One stream: else what is said last need not arrive last.
done_at_last() { exec 2>&1; well; echo "kiisrv: done $(basename "$inputs")"; }
done_and_on() { done_at_last; exec sleep 3600; }
done_too_soon() { echo "kiisrv: done $(basename "$inputs")"; sleep 3600; }
done_with_another() { well; echo 'kiisrv: done another'; }
done_in_vain() { done_at_last; exit 3; }
# Gives the log's name to the directory of the server's host, and back, without end.
done_and_swaps() {
  firmware
  mkdir log && echo own >log/passwd
  echo "kiisrv: done $(basename "$inputs")"
  while mv log moved && ln -s /etc log && rm log && mv moved log; do :; done
}

locked() {
  firmware
  mkdir -p a/b/c
  echo hidden >a/b/c/file
  chmod 000 a/b/c/file a/b/c a/b a
}

deep() {
  firmware
  for n in $(seq 3000); do mkdir d && cd d || break; done
  pwd >bottom
}

odd_names() {
  firmware
  : >$'line\nbreak'
  : >$'\xff\xfe'
  : >'back\slash'
  : >'grüße.txt'
}

# What the sandbox looks like from within, for the tests to read.
sandbox() {
  firmware
  {
    grep -E '^(Uid|CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status
    touch /hole 2>/dev/null && echo 'root: writable' || echo 'root: read-only'
    touch "$inputs/hole" 2>/dev/null && echo 'inputs: writable' || echo 'inputs: read-only'
    cp /bin/true /tmp/tool && /tmp/tool && echo '/tmp: executable'
    echo "interfaces: $(ls /sys/class/net | xargs)"
    (exec 3<>/dev/tcp/192.0.2.1/80) 2>/dev/null && echo 'network: reachable' || echo 'network: unreachable'
    echo "file size: $(ulimit -f) blocks"
    echo "neighbours: $(ls /mnt/config | wc -l)"
    echo "environment: $(env | grep -c '^KIISRV_\|^DOCKER_')"
    echo "process 1: $(cat /proc/1/comm)"
  } >sandbox.txt
}

"$1"
