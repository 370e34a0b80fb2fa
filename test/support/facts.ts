import type { Facts } from "../../src/doctor/facts.ts";
import type { Rehearsal } from "../../src/runner/rehearsal.ts";

const mebibyte = 2 ** 20;

/** What a container prints under the sandbox of a build, with cgroup 2. */
export const seenInside: Readonly<Record<string, string>> = {
  "/proc/self/status":
    "Name:\tcat\nUid:\t1000\t1000\t1000\t1000\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n",
  "/proc/net/dev": "Inter-|   Receive\n face |bytes\n    lo:       0\n tunl0:       0\n\n",
  "/sys/fs/cgroup/memory.max": "1073741824\n",
  "/sys/fs/cgroup/memory.swap.max": "0\n",
  "/sys/fs/cgroup/pids.max": "256\n",
  "/sys/fs/cgroup/cpu.max": "200000 100000\n",
  "write /": "no\n",
  "write /mnt/config": "no\n",
  "write /tmp": "yes\n",
};

/** The same limits as cgroup 1 has them. */
export const cgroup1: Readonly<Record<string, string>> = {
  "/sys/fs/cgroup/memory.max": "\n",
  "/sys/fs/cgroup/memory.swap.max": "\n",
  "/sys/fs/cgroup/pids.max": "\n",
  "/sys/fs/cgroup/cpu.max": "\n",
  "/sys/fs/cgroup/memory/memory.limit_in_bytes": "1073741824\n",
  "/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes": "1073741824\n",
  "/sys/fs/cgroup/pids/pids.max": "256\n",
  "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "200000\n",
  "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
};

export const healthyRehearsal: Rehearsal = {
  image: "kiisrv-controller-demo",
  contract: "files",
  user: { uid: 1000, gid: 1000 },
  inputs: "/srv/config/rehearsal-1",
  outputs: "/srv/builds/rehearsal-1",
  fault: null,
  inputsArrive: true,
  outputsArrive: true,
  seen: seenInside,
};

/** What is seen of an installation that has nothing wrong with it. */
export const healthy: Facts = {
  configuration: {
    settings: {
      host: "",
      port: 3001,
      data: "/srv/data",
      layouts: "/srv/layouts",
      tmpConfig: "/srv/config",
      tmpBuilds: "/srv/builds",
      artifacts: "/srv/builds",
      hostTmpConfig: "",
      hostTmpBuilds: "",
      concurrency: 2,
      trustedProxies: 0,
      minimumFree: { bytes: 256 * mebibyte, files: 1000 },
      limits: {
        wallSeconds: 300,
        memoryBytes: 1024 * mebibyte,
        cpus: 2,
        pids: 256,
        outputBytes: 64 * mebibyte,
        outputFiles: 512,
        logBytes: 16 * mebibyte,
      },
    },
    mistakes: [],
    known: ["KIISRV_PORT", "KIISRV_DATA", "KIISRV_CONCURRENCY", "KIISRV_TRUST_PROXY", "HOST_TMP_BUILDS"],
    set: ["PATH", "KIISRV_PORT"],
  },
  process: {
    uid: 1000,
    gid: 1000,
    groups: [1000, 999],
    user: "kiisrv",
    inContainer: false,
    openFiles: 65_536,
    node: "v24.1.0",
    git: "git version 2.39.5",
  },
  socket: {
    address: "unix:///var/run/docker.sock",
    path: "/var/run/docker.sock",
    file: { isSocket: true, uid: 0, gid: 999, mode: 0o660, group: "docker" },
    permitted: true,
    others: [],
    tls: false,
  },
  answer: { answers: true },
  daemon: {
    name: "Engine",
    version: "28.0.1",
    api: "1.48",
    os: "linux",
    architecture: "amd64",
    cores: 2,
    memoryBytes: 4096 * mebibyte,
    cgroupVersion: "2",
    cgroupDriver: "systemd",
    storageDriver: "overlay2",
    root: "/var/lib/docker",
    security: ["name=seccomp,profile=default"],
    warnings: [],
    experimental: false,
    clockAhead: 0,
  },
  images: [
    {
      name: "kiisrv-controller-demo",
      digest: `sha256:${"a".repeat(64)}`,
      labels: { "kiisrv.contract": "files", "kiisrv.family": "demo" },
      os: "linux",
      architecture: "amd64",
    },
  ],
  containers: [
    { id: "c0ffee", name: "kiisrv-1-0a1b2c3d", build: "1-0a1b2c3d", running: true },
    { id: "decaf", name: "kiisrv-rehearsal-2", build: "", running: true },
  ],
  self: { image: { name: "kiisrv-server", running: "sha256:1", installed: "sha256:1" } },
  rehearsal: healthyRehearsal,
  directories: [
    {
      variable: "KIISRV_DATA",
      path: "/srv/data",
      stat: { uid: 1000, gid: 1000, mode: 0o40755 },
      writeError: null,
      skew: 0,
      space: { freeBytes: 50 * 2 ** 30, totalBytes: 100 * 2 ** 30, freeFiles: 1e6, totalFiles: 2e6 },
    },
  ],
  databases: {
    files: [
      {
        path: "/srv/data/builds.db",
        exists: true,
        read: true,
        unwritable: [],
        walBytes: 4096,
        error: null,
        damage: null,
        schema: 1,
        knownSchema: 1,
      },
      {
        path: "/srv/data/config.db",
        exists: true,
        read: true,
        unwritable: [],
        walBytes: 0,
        error: null,
        damage: null,
        schema: 1,
        knownSchema: 1,
      },
    ],
    held: true,
    instance: "instance",
    versions: [
      {
        name: "demo",
        channel: "demo",
        container: "controller-demo",
        git_tag: "demo",
        family: "demo",
        dialect: "current",
      },
    ],
    running: ["1"],
  },
  layouts: {
    directoryExists: true,
    listed: [
      {
        name: "Demo-Base",
        url: "./layouts/Demo-Base.json",
        bytes: 100,
        board: "Demo",
        variant: null,
        layout: "Base",
        base: null,
        keys: 9,
        layers: 1,
      },
    ],
    source: null,
    error: null,
  },
  port: { state: "kiisrv", detail: "", ipv6: true, spare: 40_123 },
  publicly: { url: "https://keys.example", error: null, requestIdKept: true },
  machine: { availableBytes: 2048 * mebibyte, now: Date.UTC(2026, 10, 1) },
};

/** Those facts with others in the place of some. */
export function factsWith(changes: Partial<Facts>): Facts {
  return { ...healthy, ...changes };
}
