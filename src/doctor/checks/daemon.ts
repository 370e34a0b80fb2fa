import { type Check, check, fail, ok, skip, warn } from "../check.ts";
import type { ProcessFacts, SocketFile } from "../facts.ts";
import { abridge, formatBytes, octal, shellWord } from "../text.ts";

/** The oldest API this was tried with (Docker 20.10). */
const triedApi = [1, 41] as const;

export const daemon: Check[] = [
  check({
    id: "daemon.address",
    title: "the daemon's address is one that is safe to use",
    why: "Whoever can talk to the daemon is root on its machine; over plain TCP that is everybody who reaches the port.",
    needs: ["socket"],
    judge({ socket: { address, path, tls } }) {
      if (path === null && address.startsWith("tcp:") && !tls) {
        return warn(
          `${address}, without TLS`,
          "DOCKER_TLS_VERIFY=1\nDOCKER_CERT_PATH=DIRECTORY of ca.pem, cert.pem and key.pem; or DOCKER_HOST=ssh://USER@HOST",
        );
      }
      return ok(address);
    },
  }),
  check({
    id: "daemon.socket",
    title: "the daemon's socket is there",
    why: "Without it nothing can be built; cached firmware is served all the same.",
    needs: ["socket", "process"],
    judge({ socket: { path, file, others }, process: { inContainer } }) {
      if (path === null) return skip("an address of the network has none");
      if (file?.isSocket) return ok(`${path} (${octal(file.mode)}, uid ${file.uid}, gid ${file.gid})`);
      const [other] = others;
      const start = inContainer
        ? `mount the host's socket: --volume /var/run/docker.sock:${path}`
        : "sudo systemctl start docker";
      const mend =
        other === undefined
          ? start
          : `${start}\nor use the daemon that is there: DOCKER_HOST=unix://${other}`;
      if (file === null) return fail(`${path} is not there`, mend);
      // What Docker makes of a socket that was missing when it was to be mounted.
      return fail(`${path} is no socket`, `sudo rm -d ${shellWord(path)}\n${mend}`);
    },
  }),
  check({
    id: "daemon.permission",
    title: "this user may use the socket",
    why: "A daemon that may not be asked builds nothing.",
    needs: ["socket", "process"],
    judge({ socket, process: self }) {
      if (socket.path === null || !socket.file?.isSocket) return skip("there is no socket");
      const who = `${self.user ?? "the user"} (uid ${self.uid}, groups ${self.groups.join(" ")})`;
      if (socket.permitted) return ok(`${who} may`);
      const { gid, uid, mode } = socket.file;
      return fail(
        `${who} may not use ${socket.path}: ${octal(mode)}, uid ${uid}, gid ${gid}`,
        admit(socket.path, socket.file, self),
      );
    },
  }),
  check({
    id: "daemon.answers",
    title: "the daemon answers",
    why: "A daemon that hangs makes every build fail with 503.",
    needs: ["answer", "socket", "process"],
    judge({ answer, socket: { path, file, permitted }, process: { inContainer } }) {
      if (answer.answers) return ok("it does");
      if (path !== null && !(file?.isSocket && permitted)) return skip("its socket cannot be used");
      const where = inContainer ? "on the host: " : "";
      return fail(answer.error, `${where}sudo systemctl restart docker; sudo journalctl -u docker -n 50`);
    },
  }),
  check({
    id: "daemon.api",
    title: "the daemon's API is new enough",
    why: "An older daemon may not know an option of the sandbox, and then runs builds without it.",
    needs: ["daemon"],
    judge({ daemon: { name, version, api } }) {
      const [major = 0, minor = 0] = api.split(".").map(Number);
      const found = `${name} ${version}, API ${api}`;
      const [least, lesser] = triedApi;
      if (major > least || (major === least && minor >= lesser)) return ok(found);
      return warn(
        `${found}; tried from ${triedApi.join(".")} on`,
        "upgrade the daemon to Docker 20.10 or later, or Podman 4 or later",
      );
    },
  }),
  check({
    id: "daemon.kind",
    title: "the daemon can hold builds to their limits",
    why: "Without cgroups of its own a daemon takes limits of memory, processes and cores without a word, and does not apply them.",
    needs: ["daemon"],
    judge({ daemon: { security, cgroupVersion, cgroupDriver, name } }) {
      const rootless = security.some((option) => option.startsWith("name=rootless"));
      const found = `${rootless ? "rootless " : ""}${name}, cgroup ${cgroupVersion || "of unknown version"}, driver ${cgroupDriver || "unknown"}`;
      if (cgroupDriver === "none" || (rootless && cgroupVersion === "1")) {
        return fail(
          found,
          "boot the machine with cgroup 2 and delegate it to the user: add systemd.unified_cgroup_hierarchy=1 to the kernel's command line, then\n" +
            "sudo mkdir -p /etc/systemd/system/user@.service.d && printf '[Service]\\nDelegate=cpu cpuset io memory pids\\n' | sudo tee /etc/systemd/system/user@.service.d/delegate.conf && sudo systemctl daemon-reload",
        );
      }
      return ok(found);
    },
  }),
  check({
    id: "daemon.warnings",
    title: "the daemon warns of nothing",
    why: "What it warns of is mostly a limit that the kernel does not support: builds then run without.",
    needs: ["daemon"],
    judge({ daemon: { warnings } }) {
      if (warnings.length === 0) return ok("it does not");
      const swap = warnings.some((line) => line.includes("swap limit"));
      return warn(
        abridge(warnings),
        swap
          ? "add swapaccount=1 to the kernel's command line (GRUB_CMDLINE_LINUX in /etc/default/grub), sudo update-grub, reboot"
          : "docker info shows them in full; each names what it is about",
      );
    },
  }),
  check({
    id: "daemon.storage",
    title: "the daemon's storage driver is a fast one",
    why: "With vfs every container is a full copy of its image: gigabytes and minutes for each build.",
    needs: ["daemon"],
    judge({ daemon: { storageDriver, root } }) {
      const found = `${storageDriver || "unknown"} in ${root || "an unknown place"}`;
      if (storageDriver !== "vfs" && storageDriver !== "devicemapper") return ok(found);
      return warn(
        found,
        `printf '{ "storage-driver": "overlay2" }\\n' | sudo tee /etc/docker/daemon.json && sudo systemctl restart docker (images must be loaded again)`,
      );
    },
  }),
  check({
    id: "daemon.clock",
    title: "the daemon's clock agrees with ours",
    why: "Times of logs, artifacts and certificates then contradict each other.",
    needs: ["daemon"],
    judge({ daemon: { clockAhead } }) {
      if (Number.isNaN(clockAhead)) return skip("the daemon tells no time");
      const seconds = Math.round(clockAhead / 1000);
      if (Math.abs(clockAhead) <= 5000) return ok("to within 5 s");
      return fail(
        `the daemon's is ${Math.abs(seconds)} s ${seconds > 0 ? "ahead of" : "behind"} ours`,
        "on both machines: sudo timedatectl set-ntp true; then: date -u",
      );
    },
  }),
  check({
    id: "daemon.containers",
    title: "no container is left over",
    why: "Leftovers take memory and disk; the server removes its own at its next start.",
    needs: ["containers", "databases"],
    judge({ containers, databases: { held, running } }) {
      // A container's label names the build and the attempt.
      const builds = (label: string) => running.some((id) => label.startsWith(id));
      const serves = ({ name, build }: (typeof containers)[number]) =>
        held && (name.startsWith("kiisrv-warm-") || builds(build));
      const expected = (one: (typeof containers)[number]) =>
        one.running && (serves(one) || one.name.startsWith("kiisrv-rehearsal-"));
      const left = containers.filter((container) => !expected(container));
      if (left.length === 0) return ok(`${containers.length} of this installation, each with its purpose`);
      const ids = left.map(({ id }) => id.slice(0, 12)).join(" ");
      return warn(
        `${left.length} left over: ${abridge(left.map(({ name }) => name))}`,
        `docker rm --force --volumes ${ids}`,
      );
    },
  }),
  check({
    id: "daemon.memory",
    title: "there is memory for the builds at once",
    why: "When builds together outgrow the memory, the kernel kills some process: a build, or the server.",
    needs: ["daemon", "configuration"],
    judge({ daemon: { memoryBytes }, configuration: { settings } }) {
      const { concurrency, limits } = settings;
      const most = concurrency * limits.memoryBytes;
      const each = formatBytes(limits.memoryBytes);
      const found = `${concurrency} builds of up to ${each}, ${formatBytes(memoryBytes)} in the daemon's machine`;
      if (most <= memoryBytes) return ok(found);
      // A quarter is left to the system and the server.
      const usable = memoryBytes * 0.75;
      const fitting = Math.floor(usable / limits.memoryBytes);
      if (fitting >= 1) return warn(found, `KIISRV_CONCURRENCY=${fitting}`);
      return fail(
        found,
        `KIISRV_CONCURRENCY=1\nKIISRV_BUILD_MEMORY_MIB=${Math.max(16, Math.floor(usable / 2 ** 20))}`,
      );
    },
  }),
  check({
    id: "daemon.cores",
    title: "there are cores for the builds at once",
    why: "More builds than cores only make each other slower, until they hit the wall-clock limit.",
    needs: ["daemon", "configuration"],
    judge({ daemon: { cores }, configuration: { settings } }) {
      const found = `${settings.concurrency} builds at once, ${cores} cores`;
      if (settings.concurrency <= 4 * cores) return ok(found);
      return warn(found, `KIISRV_CONCURRENCY=${cores}`);
    },
  }),
];

/** How a user comes to be allowed. */
function admit(path: string, file: SocketFile, { inContainer, user }: ProcessFacts): string {
  const { gid, group, mode } = file;
  const groupMay = (mode & 0o060) === 0o060;
  if (!groupMay) return `sudo chmod g+rw ${shellWord(path)}`;
  if (inContainer) return `docker run --group-add ${gid} …; compose: group_add: ["${gid}"]`;
  if (user === null) return `run the server with group ${gid}: setpriv --groups ${gid} …`;
  const named = group ?? "kiisrv-socket";
  const make = group === null ? `sudo groupadd --gid ${gid} ${named} && ` : "";
  return `${make}sudo usermod --append --groups ${named} ${shellWord(user)}, then start the server anew`;
}
