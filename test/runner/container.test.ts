import { expect, test } from "vitest";
import { containerOptions, jobLine, type Placement, waitingOptions } from "../../src/runner/container.ts";
import { smallLimits, testSpec } from "../support/runner.ts";

const place: Placement = {
  instance: "here",
  id: "build-1",
  image: "sha256:abc",
  contract: "files",
  lastWord: null,
  runtime: "",
  user: { uid: 1000, gid: 1001 },
  directories: { inputs: "/host/config/build-1", outputs: "/host/builds/build-1" },
  cores: 2,
};
const spec = testSpec({ name: "kiisrv-controller-demo", digest: "sha256:abc" }, ["demo.bash"], { cpus: 8 });

test("the runtime is the daemon's own unless one is named", () => {
  expect(containerOptions(spec, place).HostConfig).not.toHaveProperty("Runtime");
  expect(containerOptions(spec, { ...place, runtime: "runsc" }).HostConfig?.Runtime).toBe("runsc");
});

test("files that travel through the daemon have a volume without a name, and nothing of the host", () => {
  const { HostConfig } = containerOptions(spec, { ...place, directories: null });
  expect(HostConfig?.Mounts).toMatchObject([{ Type: "volume", Source: "", Target: "/mnt" }]);
});

test("the container is the spec's: its image by digest, its command, environment and limits", () => {
  expect(containerOptions(spec, place)).toMatchObject({
    name: "kiisrv-build-1",
    Image: "sha256:abc",
    Cmd: ["demo.bash", "build-1", "firmware.zip"],
    Env: ["Greeting=hello"],
    Labels: { "kiisrv.instance": "here", "kiisrv.build": "build-1" },
    User: "1000:1001",
    HostConfig: {
      NetworkMode: "none",
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges"],
      ReadonlyRootfs: true,
      Init: true,
      Memory: smallLimits.memoryBytes,
      MemorySwap: smallLimits.memoryBytes,
      PidsLimit: smallLimits.pids,
      LogConfig: { Type: "none" },
      Mounts: [
        { Type: "bind", Source: "/host/config/build-1", Target: "/mnt/config/build-1", ReadOnly: true },
        { Type: "bind", Source: "/host/builds/build-1", Target: "/mnt/builds", ReadOnly: false },
      ],
    },
  });
});

test("a build gets no more cores than the machine has", () => {
  expect(containerOptions(spec, place).HostConfig?.NanoCpus).toBe(2e9);
  expect(containerOptions(spec, { ...place, cores: 64 }).HostConfig?.NanoCpus).toBe(8e9);
});

test("an image from the field is root on a root file system of its own, with its inputs to move away", () => {
  const { User, HostConfig } = containerOptions(spec, { ...place, contract: "zip" });
  expect(User).toBe("0:0");
  expect(HostConfig).toMatchObject({
    NetworkMode: "none",
    CapDrop: ["ALL"],
    SecurityOpt: ["no-new-privileges"],
  });
  expect(HostConfig?.CapAdd).toEqual(["CHOWN", "DAC_OVERRIDE", "FOWNER"]);
  expect(HostConfig?.ReadonlyRootfs).toBeUndefined();
  expect(HostConfig?.Mounts?.map(({ ReadOnly }) => ReadOnly)).toEqual([false, false]);
});

test("a container that waits is that of its build but for the job, which comes as one line", () => {
  const { Cmd, Env, ...sandbox } = containerOptions(spec, place);
  expect(waitingOptions(spec.limits, place)).toEqual({
    ...sandbox,
    Cmd: ["--wait"],
    AttachStdin: true,
    OpenStdin: true,
    StdinOnce: true,
  });
  const line = jobLine({ ...spec, environment: { Layout: "a\nb" } }, place.id);
  expect(line.split("\n")).toEqual([expect.any(String), ""]);
  expect(JSON.parse(line)).toEqual({ command: Cmd, environment: { Layout: "a\nb" } });
});
