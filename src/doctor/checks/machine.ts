import { type Check, check, fail, ok, skip, warn } from "../check.ts";
import { formatBytes } from "../text.ts";

/** Open files below which a busy server runs out of them: a connection each, and some for every build. */
const fewestFiles = 4096;
const leastNode = 22;

/** No clock that is right shows an earlier time: this check was written then. Milliseconds since 1970. */
const earliest = Date.UTC(2026, 0, 1);

export const machine: Check[] = [
  check({
    id: "machine.node",
    title: "Node is new enough",
    why: "Older ones lack what this program is written with.",
    needs: ["process"],
    judge({ process: { node } }) {
      const major = Number(/^v(\d+)\./.exec(node)?.[1]);
      return major >= leastNode
        ? ok(node)
        : fail(`${node}, needed is v${leastNode}`, "make setup fetches one; bin/kiisrv uses it");
    },
  }),
  check({
    id: "machine.git",
    title: "git is there",
    why: "Layouts are synced by it, and older revisions of them read.",
    needs: ["process"],
    judge({ process: { git } }) {
      return git === null ? fail("there is no git in PATH", "sudo apt-get install --yes git") : ok(git);
    },
  }),
  check({
    id: "machine.files",
    title: "enough files may be open",
    why: "Every client that waits for a build holds a connection; without descriptors new ones are turned away.",
    needs: ["process"],
    judge({ process: { openFiles } }) {
      if (openFiles === null) return ok("no limit");
      if (openFiles >= fewestFiles) return ok(String(openFiles));
      return warn(
        `${openFiles} files`,
        "ulimit -n 65536; systemd: LimitNOFILE=65536; docker run: --ulimit nofile=65536",
      );
    },
  }),
  check({
    id: "machine.clock",
    title: "the clock shows a time that can be",
    why: "After a start without network it may show 1970: certificates are then not valid yet, and what is new counts as old.",
    needs: ["machine"],
    judge({ machine: { now } }) {
      const time = new Date(now).toISOString();
      return now > earliest
        ? ok(time)
        : fail(time, "sudo timedatectl set-ntp true, or: sudo date --set 'YYYY-MM-DD HH:MM:SS'");
    },
  }),
  check({
    id: "machine.memory",
    title: "there is memory for a build now",
    why: "A build that finds none is killed by the kernel, or something else is.",
    needs: ["machine", "configuration", "socket"],
    judge({ machine: { availableBytes }, configuration: { settings }, socket: { path } }) {
      if (path === null) return skip("builds run on another machine");
      if (availableBytes === null) return skip("this system does not tell");
      const found = `${formatBytes(availableBytes)} available, ${formatBytes(settings.limits.memoryBytes)} for a build`;
      if (availableBytes >= settings.limits.memoryBytes) return ok(found);
      return warn(
        found,
        `ps -eo rss,comm --sort -rss | head shows what takes it; or KIISRV_BUILD_MEMORY_MIB=${Math.max(16, Math.floor((availableBytes * 0.75) / 2 ** 20))}`,
      );
    },
  }),
];
