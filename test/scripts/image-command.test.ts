import { describe, expect, it } from "vitest";
import { sharedCommand, versionCommand } from "../../scripts/images/command.ts";
import { isLoopback, localPath, openSources, packageIndex } from "../../scripts/images/sources.ts";

const version = {
  name: "057",
  tag: "v0.5.7",
  kll: "0.5.7.16",
  commits: "1222",
  commit: "e1a1d816199bf54f42432f6d9097171a1614b6a0",
  date: "2020-03-20 20:13:21 -0700",
};
const remote = { onLoopback: false };

/** The values of an option that may be given many times. */
function valuesOf(command: string[], option: string): string[] {
  return command.flatMap((word, index) => (command[index - 1] === option ? [word] : []));
}

describe("the command that builds an image", () => {
  it("tells the release, and leaves the sources to the Dockerfile", () => {
    const command = versionCommand(version, remote, {});
    expect(command.slice(0, 2)).toEqual(["docker", "build"]);
    expect(command.at(-1)).toBe("controllers");
    expect(valuesOf(command, "--tag")).toEqual(["kiisrv-controller-057"]);
    expect(valuesOf(command, "--network")).toEqual([]);
    expect(valuesOf(command, "--build-arg").sort()).toEqual([
      "COMMIT=e1a1d816199bf54f42432f6d9097171a1614b6a0",
      "COMMITS=1222",
      "DATE=2020-03-20 20:13:21 -0700",
      "KLL=0.5.7.16",
      "NOTES=https://github.com/kiibohd/controller/releases/tag/v0.5.7",
      "TAG=v0.5.7",
    ]);
  });

  it("uses the host's network for sources on its loopback", () => {
    const sources = { controller: "git://127.0.0.1:9418/c", hidLayouts: "https://h/l", onLoopback: true };
    const command = versionCommand(version, sources, {});
    expect(valuesOf(command, "--network")).toEqual(["host"]);
    expect(valuesOf(command, "--build-arg")).toContain("CONTROLLER_REPOSITORY=git://127.0.0.1:9418/c");
    expect(valuesOf(command, "--build-arg")).toContain("HID_LAYOUTS_REPOSITORY=https://h/l");
  });

  it("passes on proxies and the package index without their values", () => {
    const environment = {
      https_proxy: "http://user:secret@proxy",
      PIP_INDEX_URL: "https://secret@index",
      HOME: "/",
    };
    for (const command of [
      versionCommand(version, remote, environment),
      sharedCommand(remote, environment),
    ]) {
      expect(valuesOf(command, "--build-arg")).toEqual(
        expect.arrayContaining(["https_proxy", "PIP_INDEX_URL"]),
      );
      expect(command.join(" ")).not.toContain("secret");
    }
  });

  it("builds of the shared part what no version changes", () => {
    const command = sharedCommand(remote, {});
    expect(valuesOf(command, "--target")).toEqual(["toolchain"]);
    expect(valuesOf(command, "--build-arg")).toEqual([]);
    expect(valuesOf(command, "--tag")).toEqual(["kiisrv-toolchain"]);
  });
});

describe("a repository", () => {
  it.for([
    ["https://example.org/controller.git", undefined],
    ["ssh://git@example.org/controller", undefined],
    ["git@example.org:controller.git", undefined],
    ["", undefined],
    ["/srv/controller.git", "/srv/controller.git"],
    ["file:///srv/controller.git", "/srv/controller.git"],
    ["/srv/a:b/../controller/", "/srv/controller"],
    ["mirrors/controller", `${process.cwd()}/mirrors/controller`],
  ] as const)("%s is meant as the path %s", ([given, path]) => {
    expect(localPath(given)).toBe(path);
  });

  it.for(["git://127.0.0.1:9418/c", "http://localhost/c", "git://user@[::1]:80/c", "git://127.1.2.3"])(
    "%s is on the loopback",
    (address) => expect(isLoopback(address)).toBe(true),
  );
  it.for(["https://localhost.example.org/c", "https://example.org/127.0.0.1", "git@localhost.example.org:c"])(
    "%s is not",
    (address) => expect(isLoopback(address)).toBe(false),
  );

  it("that is an address is used as it is", async () => {
    const sources = await openSources({ CONTROLLER_REPOSITORY: "https://example.org/c.git" }, "/nowhere/log");
    expect(sources.addresses).toEqual({ controller: "https://example.org/c.git", onLoopback: false });
    await sources.close();
  });

  it("on this machine is of no use to a daemon elsewhere", async () => {
    const environment = { CONTROLLER_REPOSITORY: "/srv/c", DOCKER_HOST: "ssh://builder" };
    await expect(openSources(environment, "/nowhere/log")).rejects.toThrow(/daemon is not/);
  });
});

it("the package index is the environment's own", async () => {
  expect(await packageIndex({ PIP_INDEX_URL: "https://example.org/simple" })).toBe(
    "https://example.org/simple",
  );
});
