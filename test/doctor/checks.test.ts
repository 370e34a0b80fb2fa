import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { configVariables } from "../../src/config.ts";
import { checks } from "../../src/doctor/checks.ts";
import type { DirectoryFacts, Facts, Settings } from "../../src/doctor/facts.ts";
import { cgroup1, factsWith, healthy, healthyRehearsal, seenInside } from "../support/facts.ts";

const { configuration, process, socket, daemon, databases, layouts, port, publicly, machine } = healthy;

function settings(changes: Partial<Settings>): Partial<Facts> {
  return { configuration: { ...configuration, settings: { ...configuration.settings, ...changes } } };
}

function rehearsal(changes: Partial<Facts["rehearsal"]>): Partial<Facts> {
  return { rehearsal: { ...healthyRehearsal, ...changes } };
}

function inside(changes: Record<string, string>): Partial<Facts> {
  return rehearsal({ seen: { ...seenInside, ...changes } });
}

/** The kernel's account of a process in the container, with one field other than it should be. */
function status(field: string, value: string): Partial<Facts> {
  const text =
    seenInside["/proc/self/status"]?.replace(new RegExp(`^${field}:.*$`, "m"), `${field}:\t${value}`) ?? "";
  return inside({ "/proc/self/status": text });
}

function directory(changes: Partial<DirectoryFacts>): Partial<Facts> {
  return { directories: healthy.directories.map((one) => ({ ...one, ...changes })) };
}

function space(changes: Partial<NonNullable<DirectoryFacts["space"]>>): Partial<Facts> {
  const whole = { freeBytes: 50 * 2 ** 30, totalBytes: 100 * 2 ** 30, freeFiles: 1e6, totalFiles: 2e6 };
  return directory({ space: { ...whole, ...changes } });
}

function image(changes: Partial<Facts["images"][number]>): Partial<Facts> {
  return { images: healthy.images.map((one) => ({ ...one, ...changes })) };
}

function database(changes: Partial<Facts["databases"]["files"][number]>): Partial<Facts> {
  const [first, ...rest] = databases.files;
  return first ? { databases: { ...databases, files: [{ ...first, ...changes }, ...rest] } } : {};
}

const file = { isSocket: true, uid: 0, gid: 4242, mode: 0o140660, group: null };
const noFile: Partial<Facts> = { socket: { ...socket, file: null, others: [] } };
const demo = databases.versions[0];
const kiibohdImage = image({ labels: { "kiisrv.contract": "files", "kiisrv.family": "kiibohd" } });

/** A fault in the facts, and what its check must say: the status, a piece of what was found, and of the mend. */
const faults: [id: string, changes: Partial<Facts>, status: string, found: string, mend: string][] = [
  [
    "configuration.values",
    {
      configuration: {
        ...configuration,
        mistakes: [{ variable: "KIISRV_PORT", label: "KIISRV_PORT=x", message: "must be", fallback: "3001" }],
      },
    },
    "fail",
    "KIISRV_PORT=x: must be",
    "KIISRV_PORT=3001",
  ],
  [
    "configuration.unknown",
    { configuration: { ...configuration, set: ["KIISRV_CONCURENCY"] } },
    "warn",
    "KIISRV_CONCURENCY",
    "rename KIISRV_CONCURENCY to KIISRV_CONCURRENCY",
  ],
  [
    "configuration.unknown",
    { configuration: { ...configuration, set: ["KIISRV_FAVOURITE_COLOUR"] } },
    "warn",
    "KIISRV_FAVOURITE_COLOUR",
    "unset KIISRV_FAVOURITE_COLOUR",
  ],
  [
    "configuration.deprecated",
    { configuration: { ...configuration, set: ["KIISRV_TRUST_PROXY"] } },
    "warn",
    "KIISRV_TRUST_PROXY",
    "KIISRV_TRUSTED_PROXIES=1",
  ],
  [
    "configuration.directories",
    settings({ tmpConfig: "/srv/builds" }),
    "fail",
    "KIISRV_TMP_CONFIG=/srv/builds",
    "KIISRV_TMP_CONFIG=/srv/builds/tmp_config",
  ],
  [
    "daemon.address",
    { socket: { ...socket, address: "tcp://10.0.0.1:2375", path: null } },
    "warn",
    "without TLS",
    "DOCKER_TLS_VERIFY=1",
  ],
  ["daemon.socket", noFile, "fail", "/var/run/docker.sock is not there", "systemctl start docker"],
  [
    "daemon.socket",
    { ...noFile, process: { ...process, inContainer: true } },
    "fail",
    "not there",
    "--volume /var/run/docker.sock:/var/run/docker.sock",
  ],
  [
    "daemon.socket",
    { socket: { ...socket, file: null, others: ["/run/podman/podman.sock"] } },
    "fail",
    "not there",
    "DOCKER_HOST=unix:///run/podman/podman.sock",
  ],
  [
    "daemon.socket",
    { socket: { ...socket, file: { ...file, isSocket: false } } },
    "fail",
    "is no socket",
    "sudo rm -d /var/run/docker.sock",
  ],
  [
    "daemon.permission",
    { socket: { ...socket, permitted: false } },
    "fail",
    "kiisrv (uid 1000, groups 1000 999) may not use",
    "sudo usermod --append --groups docker kiisrv",
  ],
  [
    "daemon.permission",
    { socket: { ...socket, permitted: false, file } },
    "fail",
    "gid 4242",
    "sudo groupadd --gid 4242",
  ],
  [
    "daemon.permission",
    { socket: { ...socket, permitted: false, file }, process: { ...process, user: null } },
    "fail",
    "gid 4242",
    "setpriv --groups 4242",
  ],
  [
    "daemon.permission",
    { socket: { ...socket, permitted: false, file }, process: { ...process, inContainer: true } },
    "fail",
    "gid 4242",
    'group_add: ["4242"]',
  ],
  [
    "daemon.permission",
    { socket: { ...socket, permitted: false, file: { ...file, mode: 0o140600 } } },
    "fail",
    "600",
    "sudo chmod g+rw /var/run/docker.sock",
  ],
  [
    "daemon.answers",
    { answer: { answers: false, error: "no answer within 3 s" } },
    "fail",
    "no answer within 3 s",
    "sudo systemctl restart docker",
  ],
  ["daemon.api", { daemon: { ...daemon, api: "1.39" } }, "warn", "API 1.39", "Docker 20.10"],
  ["daemon.api", { daemon: { ...daemon, api: "nonsense" } }, "warn", "API nonsense", "upgrade"],
  [
    "daemon.kind",
    { daemon: { ...daemon, security: ["name=rootless"], cgroupVersion: "1" } },
    "fail",
    "rootless",
    "cgroup 2",
  ],
  ["daemon.kind", { daemon: { ...daemon, cgroupDriver: "none" } }, "fail", "driver none", "Delegate="],
  [
    "daemon.warnings",
    { daemon: { ...daemon, warnings: ["WARNING: No swap limit support"] } },
    "warn",
    "No swap limit support",
    "swapaccount=1",
  ],
  [
    "daemon.storage",
    { daemon: { ...daemon, storageDriver: "vfs" } },
    "warn",
    "vfs in /var/lib/docker",
    "overlay2",
  ],
  [
    "daemon.clock",
    { daemon: { ...daemon, clockAhead: 3_600_000 } },
    "fail",
    "3600 s ahead of ours",
    "set-ntp",
  ],
  ["daemon.clock", { daemon: { ...daemon, clockAhead: -60_000 } }, "fail", "60 s behind ours", "set-ntp"],
  ["daemon.clock", { daemon: { ...daemon, clockAhead: Number.NaN } }, "skip", "tells no time", ""],
  [
    "daemon.containers",
    { databases: { ...databases, running: [] } },
    "warn",
    "kiisrv-1",
    "docker rm --force --volumes c0ffee",
  ],
  ["daemon.containers", { databases: { ...databases, held: false } }, "warn", "1 left over", "docker rm"],
  [
    "daemon.containers",
    { containers: [{ id: "c0ffee", name: "kiisrv-rehearsal-1", build: "", running: false }] },
    "warn",
    "kiisrv-rehearsal-1",
    "docker rm",
  ],
  [
    "daemon.memory",
    settings({ concurrency: 16 }),
    "warn",
    "16 builds of up to 1.0 GiB, 4.0 GiB",
    "KIISRV_CONCURRENCY=3",
  ],
  [
    "daemon.memory",
    { daemon: { ...daemon, memoryBytes: 512 * 2 ** 20 } },
    "fail",
    "512 MiB",
    "KIISRV_BUILD_MEMORY_MIB=384",
  ],
  ["daemon.cores", settings({ concurrency: 9 }), "warn", "9 builds at once, 2 cores", "KIISRV_CONCURRENCY=2"],
  ["images.present", { images: [] }, "fail", "none is", "make setup"],
  [
    "images.versions",
    {
      databases: {
        ...databases,
        versions: demo ? [{ ...demo, name: "lts", container: "controller-050" }] : [],
      },
    },
    "warn",
    "lts (kiisrv-controller-050)",
    'make images VERSIONS="050"',
  ],
  [
    "images.contract",
    image({ labels: { "kiisrv.contract": "tar" } }),
    "fail",
    "kiisrv.contract=tar",
    "docker image rm kiisrv-controller-demo",
  ],
  [
    "images.platform",
    image({ architecture: "arm64" }),
    "fail",
    "linux/arm64; the daemon linux/amd64",
    "docker image rm kiisrv-controller-demo",
  ],
  [
    "images.family",
    image({ labels: { "kiisrv.contract": "files", "kiisrv.family": "kiibohd" } }),
    "fail",
    "demo is of demo",
    "UPDATE Versions SET family",
  ],
  [
    "images.server",
    { self: { image: { name: "kiisrv-server", running: "sha256:1", installed: "sha256:2" } } },
    "warn",
    "kiisrv-server is now 2",
    "docker compose",
  ],
  [
    "paths.container",
    rehearsal({ fault: "invalid mount config: bind source path does not exist: /srv/config/1" }),
    "fail",
    "does not exist",
    "HOST_TMP_CONFIG",
  ],
  [
    "paths.container",
    rehearsal({ fault: "OCI runtime create failed" }),
    "fail",
    "OCI runtime",
    "docker run --rm --entrypoint true kiisrv-controller-demo",
  ],
  [
    "paths.inputs",
    rehearsal({ inputsArrive: false }),
    "fail",
    "/srv/config is not the daemon's /srv/config",
    "HOST_TMP_CONFIG=",
  ],
  ["paths.outputs", rehearsal({ outputsArrive: false }), "fail", "/srv/builds", "HOST_TMP_BUILDS="],
  [
    "sandbox.network",
    inside({ "/proc/net/dev": "Inter-|\n face |\n lo: 0\n eth0: 0\n" }),
    "fail",
    "eth0",
    "DefaultRuntime",
  ],
  ["sandbox.root", inside({ "write /": "yes\n" }), "fail", "writable", "DefaultRuntime"],
  ["sandbox.inputs", inside({ "write /mnt/config": "yes\n" }), "fail", "writable", "DefaultRuntime"],
  ["sandbox.tmp", inside({ "write /tmp": "no\n" }), "fail", "/tmp cannot be written", "DefaultRuntime"],
  ["sandbox.user", status("Uid", "0\t0\t0\t0"), "fail", "uid 0, not 1000", "userns-remap"],
  ["sandbox.capabilities", status("CapBnd", "00000000a80425fb"), "fail", "a80425fb", "DefaultRuntime"],
  ["sandbox.capabilities", status("CapBnd", "$(reboot)"), "fail", "CapBnd", "DefaultRuntime"],
  ["sandbox.privileges", status("NoNewPrivs", "0"), "fail", "not set", "DefaultRuntime"],
  ["sandbox.seccomp", status("Seccomp", "0"), "warn", "no filter", "CONFIG_SECCOMP_FILTER"],
  [
    "sandbox.memory",
    inside({ "/sys/fs/cgroup/memory.max": "max\n" }),
    "fail",
    "none is in force",
    "cgroup_enable=memory",
  ],
  [
    "sandbox.memory",
    inside({ ...cgroup1, "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n" }),
    "fail",
    "none is in force",
    "cgroup_enable=memory",
  ],
  [
    "sandbox.swap",
    inside({ "/sys/fs/cgroup/memory.swap.max": "1073741824\n" }),
    "fail",
    "2.0 GiB, not 1.0 GiB",
    "swapaccount=1",
  ],
  [
    "sandbox.swap",
    inside({ ...cgroup1, "/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes": "" }),
    "skip",
    "does not see",
    "",
  ],
  [
    "sandbox.processes",
    inside({ "/sys/fs/cgroup/pids.max": "max\n" }),
    "fail",
    "none is in force",
    "docker info",
  ],
  [
    "sandbox.cpus",
    inside({ "/sys/fs/cgroup/cpu.max": "max 100000\n" }),
    "fail",
    "none is in force",
    "docker info",
  ],
  [
    "sandbox.cpus",
    inside({ ...cgroup1, "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n" }),
    "fail",
    "none is in force",
    "docker info",
  ],
  [
    "storage.writable",
    directory({ writeError: "EACCES: permission denied" }),
    "fail",
    "EACCES",
    "sudo chown -R 1000:1000 /srv/data",
  ],
  [
    "storage.writable",
    directory({ writeError: "EROFS: read-only file system" }),
    "fail",
    "EROFS",
    "remount,rw",
  ],
  [
    "storage.writable",
    directory({ writeError: "it cannot be made", stat: null }),
    "fail",
    "cannot be made",
    "sudo install -d -o 1000 -g 1000 /srv/data",
  ],
  ["storage.space", space({ freeBytes: 2 ** 20 }), "fail", "/srv/data: 1 MiB of 100.0 GiB free", "du -x -h"],
  ["storage.space", space({ freeBytes: 512 * 2 ** 20 }), "warn", "512 MiB", "KIISRV_KEEP_MIB"],
  ["storage.files", space({ freeFiles: 3 }), "fail", "3 of 2000000 inodes free", "du --inodes"],
  ["storage.files", space({ freeFiles: 5000 }), "warn", "5000", "du --inodes"],
  [
    "storage.private",
    directory({ stat: { uid: 1000, gid: 1000, mode: 0o40777 } }),
    "warn",
    "/srv/data (777)",
    "sudo chmod o-w /srv/data",
  ],
  ["storage.clock", directory({ skew: -60_000 }), "warn", "-60 s", "set-ntp"],
  [
    "databases.integrity",
    database({ damage: "row 3 missing from index" }),
    "fail",
    "row 3 missing",
    "mv /srv/data/builds.db /srv/data/builds.db.damaged",
  ],
  [
    "databases.integrity",
    database({ error: "file is not a database (SQLITE_NOTADB)" }),
    "fail",
    "SQLITE_NOTADB",
    "restore a backup: kiisrv restore FILE",
  ],
  [
    "databases.integrity",
    database({ error: "database is locked (SQLITE_BUSY)" }),
    "fail",
    "SQLITE_BUSY",
    "fuser -v /srv/data/builds.db",
  ],
  [
    "databases.integrity",
    database({ error: "disk I/O error (SQLITE_IOERR_READ)" }),
    "fail",
    "SQLITE_IOERR",
    "dmesg",
  ],
  ["databases.schema", database({ schema: 7 }), "fail", "schema 7; this program knows 1", "newer release"],
  [
    "databases.writable",
    database({ unwritable: ["/srv/data/builds.db-wal"] }),
    "fail",
    "builds.db-wal",
    "sudo chown 1000:1000 /srv/data/builds.db-wal",
  ],
  ["databases.log", database({ walBytes: 2 ** 30 }), "warn", "1.0 GiB", "wal_checkpoint(TRUNCATE)"],
  [
    "databases.owner",
    { port: { ...port, state: "free" } },
    "warn",
    "/srv/data/lock.db",
    "fuser -v /srv/data/lock.db",
  ],
  [
    "databases.versions",
    { databases: { ...databases, versions: [] } },
    "fail",
    "/srv/data/config.db has no version",
    "mv /srv/data/config.db",
  ],
  [
    "layouts.library",
    { layouts: { ...layouts, listed: [] } },
    "warn",
    "no layout in /srv/layouts",
    "kiisrv layouts sync",
  ],
  [
    "layouts.library",
    { layouts: { ...layouts, directoryExists: false, listed: [] } },
    "warn",
    "/srv/layouts is not there, and none synced",
    "KIISRV_LAYOUTS=DIRECTORY",
  ],
  [
    "layouts.library",
    { layouts: { ...layouts, listed: [] }, process: { ...process, inContainer: true } },
    "warn",
    "no layout in /srv/layouts",
    "docker compose -f compose.prod.yaml run --rm layouts\n",
  ],
  ["layouts.library", { layouts: { ...layouts, error: "EACCES" } }, "fail", "EACCES", "/srv/layouts"],
  [
    "layouts.valid",
    { layouts: { ...layouts, listed: [{ name: "KType-Base", url: "", bytes: 1, error: "no JSON" }] } },
    "fail",
    "KType-Base.json: no JSON",
    "mv /srv/layouts/KType-Base.json /srv/layouts/KType-Base.json.broken",
  ],
  ["layouts.boards", kiibohdImage, "warn", "kiibohd", "kiisrv layouts sync"],
  [
    "layouts.boards",
    { ...kiibohdImage, process: { ...process, inContainer: true } },
    "warn",
    "kiibohd",
    "docker compose -f compose.prod.yaml run --rm layouts\n",
  ],
  [
    "layouts.boards",
    { ...kiibohdImage, layouts: { ...layouts, directoryExists: false } },
    "warn",
    "kiibohd; /srv/layouts is not there",
    "KIISRV_LAYOUTS=DIRECTORY",
  ],
  ["layouts.boards", { layouts: { ...layouts, listed: [] } }, "skip", "there is no layout", ""],
  [
    "network.port",
    { port: { ...port, state: "taken", detail: "another program has it" } },
    "fail",
    "port 3001: another program",
    "KIISRV_PORT=40123",
  ],
  [
    "network.port",
    { port: { ...port, state: "refused", detail: "listen EACCES" } },
    "fail",
    "EACCES",
    "KIISRV_PORT=40123",
  ],
  [
    "network.port",
    { port: { ...port, state: "refused", detail: "listen EADDRNOTAVAIL" } },
    "fail",
    "EADDRNOTAVAIL",
    "KIISRV_HOST=",
  ],
  ["network.ipv6", { port: { ...port, ipv6: false } }, "warn", "::", "disable_ipv6=0"],
  [
    "network.proxies",
    settings({ trustedProxies: 1 }),
    "warn",
    "1 hops trusted",
    "KIISRV_TRUSTED_PROXIES=ADDRESS",
  ],
  [
    "network.clients",
    { process: { ...process, inContainer: true }, daemon: { ...daemon, version: "20.10.24+dfsg1" } },
    "warn",
    "Docker 20.10.24+dfsg1 without",
    '"ip6tables": true',
  ],
  [
    "network.public",
    { publicly: { ...publicly, error: "ECONNREFUSED" } },
    "fail",
    "ECONNREFUSED",
    "curl --verbose https://keys.example/healthz",
  ],
  ["network.public", { publicly: { ...publicly, requestIdKept: false } }, "warn", "X-Request-Id", "headers"],
  ["machine.node", { process: { ...process, node: "v20.1.0" } }, "fail", "v20.1.0", "make setup"],
  ["machine.git", { process: { ...process, git: null } }, "fail", "no git", "apt-get install --yes git"],
  ["machine.files", { process: { ...process, openFiles: 1024 } }, "warn", "1024", "LimitNOFILE"],
  ["machine.clock", { machine: { ...machine, now: 0 } }, "fail", "1970", "timedatectl"],
  [
    "machine.memory",
    { machine: { ...machine, availableBytes: 512 * 2 ** 20 } },
    "warn",
    "512 MiB available",
    "KIISRV_BUILD_MEMORY_MIB=384",
  ],
];

function judge(id: string, facts: Facts) {
  const check = checks.find((one) => one.id === id);
  if (check === undefined) throw new Error(`there is no check ${id}`);
  return check.judge(facts);
}

describe("the checks", () => {
  test("are 30 or more, each with a name of its own", () => {
    const ids = checks.map(({ id }) => id);
    expect(ids.length).toBeGreaterThanOrEqual(30);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test.for(checks.map(({ id }) => id))("%s is content with an installation that is fine", (id) => {
    expect(judge(id, healthy)).toMatchObject({ status: "ok" });
  });

  test.for(faults)("%s sees %o", ([id, changes, status, found, mend]) => {
    const finding = judge(id, factsWith(changes));
    expect(finding).toMatchObject({ status, found: expect.stringContaining(found) });
    expect(finding.mend ?? "").toContain(mend);
  });

  test("have a fault each in this table", () => {
    const tried = new Set(faults.map(([id]) => id));
    expect(checks.map(({ id }) => id).filter((id) => !tried.has(id))).toEqual([]);
  });

  test("say of variables in a container that others may not have got there", () => {
    const facts = factsWith({ process: { ...process, inContainer: true } });
    expect(judge("configuration.unknown", facts)).toMatchObject({
      status: "ok",
      found: expect.stringContaining("that reached this container"),
    });
  });

  test("know the variables of the compose files, which an operator's shell may hold", () => {
    const text = ["compose.yaml", "compose.prod.yaml"].map((name) => readFileSync(name, "utf8")).join();
    const set = [...text.matchAll(/\$\{(KIISRV_\w+)/g)].map(([, name = ""]) => name);
    expect(set.length).toBeGreaterThan(10);
    const facts = factsWith({ configuration: { ...configuration, set, known: configVariables() } });
    expect(judge("configuration.unknown", facts)).toMatchObject({ status: "ok" });
  });

  test.for([
    ["ok", { version: "27.0.1" }, 0],
    ["ok", { version: "26.1.5", experimental: true }, 0],
    ["ok", { version: "26.1.5" }, 1],
    ["warn", { version: "26.1.5" }, ["172.31.255.240/28"]],
    ["skip", { version: "5.4.0", name: "Podman Engine" }, 0],
  ] as const)("say %s of IPv6 clients with %o in a container, proxies %o", ([status, version, proxies]) => {
    const trustedProxies = typeof proxies === "number" ? proxies : [...proxies];
    const facts = factsWith({
      ...settings({ trustedProxies }),
      process: { ...process, inContainer: true },
      daemon: { ...daemon, ...version },
    });
    expect(judge("network.clients", facts).status).toBe(status);
  });

  test("read the limits of cgroup 1, too", () => {
    const facts = factsWith(inside(cgroup1));
    for (const word of ["memory", "swap", "processes", "cpus"]) {
      expect(judge(`sandbox.${word}`, facts)).toMatchObject({ status: "ok" });
    }
  });

  test("let an image from the field have what it needs, and no more", () => {
    const uid = status("Uid", "0\t0\t0\t0").rehearsal?.seen ?? {};
    const seen = {
      ...uid,
      "/proc/self/status": uid["/proc/self/status"]?.replace(/CapBnd:.*/, "CapBnd:\t000000000000000b") ?? "",
      "write /": "yes\n",
      "write /mnt/config": "yes\n",
    };
    const facts = factsWith(rehearsal({ contract: "zip", seen }));
    for (const { id } of checks.filter(({ group }) => group === "sandbox")) {
      expect([id, judge(id, facts).status]).toEqual([id, "ok"]);
    }
  });
});
