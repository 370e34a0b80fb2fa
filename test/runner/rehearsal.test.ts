import { expect, test } from "vitest";
import { containerOptions, type Placement } from "../../src/runner/container.ts";
import { rehearsalOptions } from "../../src/runner/rehearsal.ts";
import { testSpec } from "../support/runner.ts";

const place: Placement = {
  instance: "here",
  id: "rehearsal-1",
  image: "sha256:abc",
  contract: "files",
  lastWord: null,
  runtime: "runsc",
  user: { uid: 1000, gid: 1001 },
  directories: { inputs: "/host/config/rehearsal-1", outputs: "/host/builds/rehearsal-1" },
  cores: 2,
};
const spec = testSpec({ name: "kiisrv-controller-demo", digest: "sha256:abc" }, [], {});

test("a rehearsal is a build's container to the last option, but for its program and the label of builds", () => {
  const { Entrypoint, Cmd, Labels, ...rehearsed } = rehearsalOptions(spec, place);
  const { Cmd: _, Labels: buildLabels, ...built } = containerOptions(spec, place);
  expect(rehearsed).toEqual(built);
  expect(Entrypoint).toEqual(["/bin/sh", "-c", expect.stringContaining("/mnt/config/rehearsal-1")]);
  expect(Cmd).toEqual([]);
  expect(buildLabels).toEqual({ "kiisrv.instance": "here", "kiisrv.build": "rehearsal-1" });
  expect(Labels).toEqual({ "kiisrv.instance": "here", "kiisrv.rehearsal": "rehearsal-1" });
});
