import type { Rehearsal } from "../../runner/rehearsal.ts";
import { type Check, check, type Finding, fail, ok, skip, warn } from "../check.ts";
import { formatBytes } from "../text.ts";

/** What root is left in an image from the field: CHOWN, DAC_OVERRIDE, FOWNER, as the kernel numbers them. */
const fieldCapabilities = 0b1011n;

export const sandbox: Check[] = [
  seen(
    "network",
    "a build has no network",
    "A layout could make the compiler talk to others.",
    (rehearsal) => {
      const names = section(rehearsal, "/proc/net/dev")
        .split("\n")
        .slice(2)
        .map((line) => line.split(":")[0]?.trim());
      const others = names.filter(
        (name) => name !== undefined && name !== "" && name !== "lo" && !isDownByNature(name),
      );
      if (names.length < 2) return skip("the container does not show its interfaces");
      return others.length === 0 ? ok("lo alone") : fail(`interfaces: ${others.join(", ")}`, runtime);
    },
  ),
  seen(
    "root",
    "a build writes nothing but its outputs and /tmp",
    "What it changed elsewhere could outlast it.",
    (rehearsal) => {
      if (wrote(rehearsal, "/") === undefined) return skip("the container did not say");
      if (rehearsal.contract === "zip")
        return ok("an image from the field: its root is writable, and thrown away");
      return wrote(rehearsal, "/")
        ? fail("the root file system is writable", runtime)
        : ok("the root is read-only");
    },
  ),
  seen(
    "inputs",
    "a build cannot change its inputs",
    "What it was given is what it is judged by.",
    (rehearsal) => {
      const written = wrote(rehearsal, "/mnt/config");
      if (written === undefined) return skip("the container did not say");
      if (rehearsal.contract === "zip") return ok("an image from the field: it moves them away");
      return written ? fail("the inputs are writable", runtime) : ok("read-only");
    },
  ),
  seen("tmp", "a build can write to /tmp", "Compilers keep intermediate files there.", (rehearsal) => {
    const written = wrote(rehearsal, "/tmp");
    if (written === undefined) return skip("the container did not say");
    return written ? ok("writable, in memory") : fail("/tmp cannot be written", runtime);
  }),
  seen(
    "user",
    "a build runs as the user it should",
    "As root it would own what it writes, and have more ways out.",
    (rehearsal) => {
      const uids = status(rehearsal, "Uid");
      if (uids === undefined) return skip("the container did not say");
      const wanted = rehearsal.contract === "zip" ? 0 : rehearsal.user.uid;
      const uid = Number(uids.split(/\s+/)[1]);
      return uid === wanted ? ok(`uid ${uid}`) : fail(`uid ${uid}, not ${wanted}`, remapped);
    },
  ),
  seen("capabilities", "a build has no capabilities", "Each is a part of root's power.", (rehearsal) => {
    const bounding = status(rehearsal, "CapBnd");
    if (bounding === undefined) return skip("the container did not say");
    const allowed = rehearsal.contract === "zip" ? fieldCapabilities : 0n;
    const excess = /^[0-9a-f]+$/.test(bounding) ? BigInt(`0x${bounding}`) & ~allowed : -1n;
    return excess === 0n ? ok(bounding.replace(/^0+(?=.)/, "")) : fail(`CapBnd ${bounding}`, runtime);
  }),
  seen(
    "privileges",
    "a build cannot gain privileges",
    "A set-user-id program in an image would make it root.",
    (rehearsal) => {
      const flag = status(rehearsal, "NoNewPrivs");
      if (flag === undefined) return skip("the container did not say");
      return flag === "1" ? ok("no-new-privileges") : fail("no-new-privileges is not set", runtime);
    },
  ),
  seen(
    "seccomp",
    "system calls of a build are filtered",
    "Without, every system call of the kernel is open to it, and so is every fault in one.",
    (rehearsal) => {
      const mode = status(rehearsal, "Seccomp");
      if (mode === undefined) return skip("the container did not say");
      if (mode === "2") return ok("filtered");
      return warn(
        "no filter",
        "use a kernel with CONFIG_SECCOMP_FILTER and a daemon without --seccomp-profile=unconfined; docker info shows seccomp under Security Options",
      );
    },
  ),
  limit("memory", "memory", "One build could take the memory of all.", ({ limits }, numbers) =>
    compare(numbers.memory, limits.memoryBytes, formatBytes),
  ),
  limit(
    "swap",
    "swap",
    "A build that swaps slows the machine down for everybody, long before it ends.",
    ({ limits }, numbers) => compare(numbers.memoryAndSwap, limits.memoryBytes, formatBytes),
  ),
  limit("processes", "processes", "A fork bomb takes the machine down.", ({ limits }, numbers) =>
    compare(numbers.pids, limits.pids, String),
  ),
  limit("cpus", "cores", "One build could slow all others down.", ({ limits }, numbers) =>
    compare(numbers.cpus, limits.cpus, String),
  ),
];

const runtime =
  "The daemon, or the runtime it uses, does not apply this option: docker info --format '{{.DefaultRuntime}}' must be runc (or crun)";
const remapped =
  "docker info shows userns-remap under Security Options: remove it from /etc/docker/daemon.json, or make the remapped user own the directories";
const unlimited =
  "The kernel or the daemon does not apply this limit. docker info names it in a WARNING; for memory and swap: cgroup_enable=memory swapaccount=1 on the kernel's command line, then reboot";

type Judge = (rehearsal: Rehearsal) => Finding;

function seen(word: string, title: string, why: string, judge: Judge): Check {
  return check({
    id: `sandbox.${word}`,
    title,
    why,
    needs: ["rehearsal"],
    judge: ({ rehearsal }) => (rehearsal.fault === null ? judge(rehearsal) : skip("no container ran")),
  });
}

type Limited = { limits: { memoryBytes: number; pids: number; cpus: number } };

function limit(
  word: string,
  what: string,
  why: string,
  judge: (settings: Limited, numbers: Numbers) => Finding,
): Check {
  return check({
    id: `sandbox.${word}`,
    title: `a build is held to its limit of ${what}`,
    why,
    needs: ["rehearsal", "configuration"],
    judge: ({ rehearsal, configuration: { settings } }) =>
      rehearsal.fault === null ? judge(settings, cgroupNumbers(rehearsal)) : skip("no container ran"),
  });
}

/** A limit in force may be lower than ours (fewer cores, say), never higher. */
function compare(inForce: number | undefined, ours: number, format: (value: number) => string): Finding {
  if (inForce === undefined) return skip("the container does not see its cgroup");
  if (inForce <= ours) return ok(format(inForce));
  return fail(
    inForce === Number.POSITIVE_INFINITY ? "none is in force" : `${format(inForce)}, not ${format(ours)}`,
    unlimited,
  );
}

interface Numbers {
  memory: number | undefined;
  memoryAndSwap: number | undefined;
  pids: number | undefined;
  cpus: number | undefined;
}

/** Limits as the container sees them: cgroup 2 has all in one directory, cgroup 1 one for each kind. */
function cgroupNumbers(rehearsal: Rehearsal): Numbers {
  const read = (path: string) => section(rehearsal, `/sys/fs/cgroup/${path}`).trim();
  const memory = amount(read("memory.max")) ?? amount(read("memory/memory.limit_in_bytes"));
  const swap = amount(read("memory.swap.max"));
  const [quota = "", period = ""] = read("cpu.max").split(" ");
  return {
    memory,
    memoryAndSwap:
      swap !== undefined && memory !== undefined
        ? memory + swap
        : amount(read("memory/memory.memsw.limit_in_bytes")),
    pids: amount(read("pids.max")) ?? amount(read("pids/pids.max")),
    cpus: share(quota, period) ?? share(read("cpu/cpu.cfs_quota_us"), read("cpu/cpu.cfs_period_us")),
  };
}

/** cgroup 1 writes no limit as the largest number of pages there is. */
const unlimitedBytes = 2 ** 62;

function amount(text: string): number | undefined {
  if (text === "max") return Number.POSITIVE_INFINITY;
  if (!/^\d+$/.test(text)) return undefined;
  return Number(text) > unlimitedBytes ? Number.POSITIVE_INFINITY : Number(text);
}

function share(quota: string, period: string): number | undefined {
  if (quota === "max" || quota === "-1") return Number.POSITIVE_INFINITY;
  if (!/^\d+$/.test(quota) || !/^[1-9]\d*$/.test(period)) return undefined;
  return Number(quota) / Number(period);
}

function section({ seen: sections }: Rehearsal, title: string): string {
  return sections[title] ?? "";
}

function status(rehearsal: Rehearsal, field: string): string | undefined {
  const line = section(rehearsal, "/proc/self/status")
    .split("\n")
    .find((one) => one.startsWith(`${field}:`));
  return line?.slice(field.length + 1).trim();
}

function wrote(rehearsal: Rehearsal, place: string): boolean | undefined {
  const answer = section(rehearsal, `write ${place}`).trim();
  return answer === "yes" ? true : answer === "no" ? false : undefined;
}

/** Tunnels that a kernel puts into every network namespace, down and without address. */
function isDownByNature(name: string): boolean {
  return /^(tunl|gre|gretap|erspan|ip_vti|ip6_vti|sit|ip6tnl|ip6gre)0$/.test(name);
}
