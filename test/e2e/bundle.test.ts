import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { repository } from "../support/app.ts";
import { bundleFile, tinyManifest, tinyMembers } from "../support/bundles.ts";
import { CarriedHost } from "../support/e2e-bundles.ts";
import { SpareDaemon } from "../support/e2e-daemon.ts";
import { canRunDaemon, SmallDisk } from "../support/e2e-root.ts";

const run = promisify(execFile);

describe.skipIf(!canRunDaemon)("a bundle carried to an empty daemon (needs root and dockerd)", () => {
  let host: CarriedHost;
  let daemon: SpareDaemon;
  let there: { DOCKER_HOST: string };
  let whole: string;
  /** The same for hosts without zstd. */
  let portable: string;

  beforeAll(async () => {
    [host, daemon] = await Promise.all([CarriedHost.create(), SpareDaemon.create()]);
    await daemon.start();
    there = { DOCKER_HOST: daemon.host };
    whole = await host.save("whole.tar.zst");
    portable = await host.save("whole.tar.gz");
  });

  afterAll(async () => {
    await daemon.remove();
    await host.remove();
  });

  beforeEach(async () => {
    for (const { Id } of await daemon.docker.listImages())
      await daemon.docker.getImage(Id).remove({ force: true });
  });

  /** Tag -> id on the empty daemon. */
  async function tags(): Promise<Record<string, string>> {
    const images = await daemon.docker.listImages();
    return Object.fromEntries(images.flatMap(({ Id, RepoTags }) => (RepoTags ?? []).map((tag) => [tag, Id])));
  }

  /** The tags a daemon has once it loaded the bundle. */
  async function expectedTags(release: string): Promise<Record<string, string>> {
    const [server, controller] = [await host.imageId(host.server), await host.imageId(host.controller)];
    return {
      "kiisrv-server:latest": server,
      [`kiisrv-server:${release}`]: server,
      [`${host.controller}:latest`]: controller,
      [`${host.controller}:${release}`]: controller,
    };
  }

  async function manifestOf(file: string) {
    const { output } = await host.kiisrv(["show", file]);
    return JSON.parse(output);
  }

  test("gives it the same images, and a directory its files", async () => {
    const { release } = await manifestOf(whole);
    const into = host.path("into");
    const first = await host.kiisrv(["load", whole, "--into", into], there);
    expect(first).toMatchObject({ code: 0 });
    expect(first.output).toContain(`release ${release}`);
    expect(first.output).toMatch(/image new +kiisrv-server:/);
    expect(await tags()).toEqual(await expectedTags(release));
    expect(readdirSync(into).sort()).toEqual([
      ...["bundle.json", "compose.prod.yaml", "env.template", "layouts", "versions.json"],
    ]);
    expect(readdirSync(`${into}/layouts`)).toEqual(["Own-Base.json"]);
    expect(readFileSync(`${into}/env.template`, "utf8")).toContain("#KIISRV_PORT=3001\n");

    writeFileSync(`${into}/compose.prod.yaml`, "mine");
    const second = await host.kiisrv(["load", whole, "--into", into], there);
    expect(second).toMatchObject({ code: 0 });
    expect(second.output).not.toContain("new ");
    expect(second.output).toMatch(/image there +kiisrv-server:/);
    expect(second.output).toMatch(/file +kept +compose\.prod\.yaml .*\.new/);
    expect(readFileSync(`${into}/compose.prod.yaml`, "utf8")).toBe("mine");
  });

  test("has the same bytes when it is saved again, each layer once, and can be verified", async () => {
    const again = await host.save("again.tar.zst");
    expect(readFileSync(again).equals(readFileSync(whole))).toBe(true);
    const { members } = await manifestOf(again);
    const blobs = members.filter(({ path }: { path: string }) => path.startsWith("blobs/"));
    // Two configurations, the layer in common, one of each.
    expect(blobs).toHaveLength(2 + 1 + 2);
    expect(await host.kiisrv(["verify", again])).toMatchObject({ code: 0 });
  });

  test("can be loaded by Docker alone, and by the script it carries", async () => {
    const { release } = await manifestOf(whole);
    await run("docker", ["--host", daemon.host, "load", "--input", portable]);
    expect(await tags()).toEqual(await expectedTags(release));

    const load = () =>
      run("sh", ["-c", `tar -xOf ${portable} load.sh | sh -s ${portable} ${host.path("by-hand")}`], {
        env: { ...process.env, ...there },
      });
    await load();
    expect(await tags()).toEqual(await expectedTags(release));
    const byHand = readdirSync(host.path("by-hand"), { recursive: true, encoding: "utf8" }).sort();
    expect(byHand).toEqual([
      ...["bundle.json", "compose.prod.yaml", "env.template", "layouts", "layouts/Own-Base.json"],
      "versions.json",
    ]);
    expect(readFileSync(host.path("by-hand/compose.prod.yaml"), "utf8")).toBe(
      readFileSync(`${repository}/compose.prod.yaml`, "utf8"),
    );
    writeFileSync(host.path("by-hand/compose.prod.yaml"), "mine");
    expect((await load()).stdout).toMatch(/compose\.prod\.yaml: kept .*\.new/);
    expect(readFileSync(host.path("by-hand/compose.prod.yaml"), "utf8")).toBe("mine");
  });

  test("that is damaged changes nothing, whoever loads it", async () => {
    const bytes = readFileSync(portable);
    const middle = Math.floor(bytes.length / 2);
    bytes.writeUInt8(bytes.readUInt8(middle) ^ 1, middle);
    const damaged = host.path("damaged.tar.gz");
    writeFileSync(damaged, bytes);
    const { code, errors } = await host.kiisrv(["load", damaged, "--into", host.path("nothing")], there);
    expect(code).toBe(1);
    expect(errors).toMatch(/damaged\.tar\.gz cannot be used/);
    await expect(
      run("sh", [`${repository}/scripts/load.sh`, damaged, host.path("nothing")], {
        env: { ...process.env, ...there },
      }),
    ).rejects.toThrow(/nothing was changed/);
    expect(await tags()).toEqual({});
    expect(readdirSync(host.path("nothing"))).toEqual([]);
  });

  test("killed in the midst goes on where it was", async () => {
    const { release } = await manifestOf(whole);
    const into = host.path("killed");
    const child = host.start(["load", whole, "--into", into], there);
    const ended = once(child, "close");
    for await (const line of createInterface({ input: child.stderr })) {
      if (line.startsWith(`loading ${host.controller}`)) child.kill("SIGKILL");
    }
    await ended;
    expect(child.signalCode).toBe("SIGKILL");
    expect(Object.keys(await tags())).not.toContain(`${host.controller}:latest`);

    const { code, output } = await host.kiisrv(["load", whole, "--into", into], there);
    expect(code).toBe(0);
    expect(output).toMatch(/image there +kiisrv-server:/);
    expect(output).toMatch(new RegExp(`image new +${host.controller}:`));
    expect(await tags()).toEqual(await expectedTags(release));
  });

  test.for([
    ["SIGINT", 1, []],
    // What it was writing goes with the next save.
    ["SIGKILL", null, ["ended.tar.zst.part"]],
  ] as const)("leaves no half archive when %s ends its making", async ([signal, code, mayBeLeft]) => {
    const directory = mkdtempSync(host.path("ended-"));
    const of = ["--server", host.server, "--version", "carried", "--no-proxy"];
    const child = host.start(["save", "-o", join(directory, "ended.tar.zst"), ...of]);
    const [ended, lines] = [once(child, "close"), [] as string[]];
    for await (const line of createInterface({ input: child.stderr })) {
      lines.push(line);
      if (line.startsWith("writing")) child.kill(signal);
    }
    expect((await ended)[0]).toBe(code);
    if (code !== null) expect(lines.at(-1)).toBe(`kiisrv bundle: interrupted by ${signal}`);
    expect(mayBeLeft).toEqual(expect.arrayContaining(readdirSync(directory)));
    expect(await host.save(join(basename(directory), "ended.tar.zst"))).toBe(
      join(directory, "ended.tar.zst"),
    );
    expect(readdirSync(directory)).toEqual(["ended.tar.zst"]);
  });

  test("is not begun where it has no room", async () => {
    const { path } = await SmallDisk.mount(host.path("small"), "8m");
    const of = ["--server", host.server, "--version", "carried", "--no-proxy"];
    const { code, errors } = await host.kiisrv(["save", "-o", join(path, "bundle.tar"), ...of]);
    expect(code).toBe(1);
    expect(errors).toMatch(/small has 8 MB free; saving these images may take \d+ MB/);
    expect(readdirSync(path)).toEqual([]);
  });

  test("of another platform is refused", async () => {
    const manifest = { ...tinyManifest(), platform: { os: "linux", architecture: "s390x" } };
    const { code, errors } = await host.kiisrv(["load", await bundleFile(tinyMembers(manifest))], there);
    expect(code).toBe(1);
    expect(errors).toMatch(/made for linux\/s390x; the Docker daemon is linux\/\w+/);
  });

  test("as a delta is small, needs the one before, and says so", async () => {
    const before = await manifestOf(whole);
    await host.update();
    const delta = await host.save("delta.tar.zst", "--since", whole);
    const { release, members, since } = await manifestOf(delta);
    expect(since).toEqual({ release: before.release, created: before.created });
    // Both configurations and the one new layer.
    const blobs = members.filter(({ path }: { path: string }) => path.startsWith("blobs/"));
    expect(blobs).toHaveLength(3);

    const into = ["--into", host.path("delta")];
    const lacking = await host.kiisrv(["load", delta, ...into], there);
    expect(lacking.code).toBe(1);
    expect(lacking.errors).toContain(`since release ${before.release}`);
    expect(await tags()).toEqual({});

    const old = await host.kiisrv(["load", whole, ...into], there);
    expect(old.code).toBe(0);
    const loaded = await host.kiisrv(["load", delta, ...into], there);
    expect(loaded).toMatchObject({ code: 0 });
    expect(loaded.output).toMatch(/image new +kiisrv-server:.*\n +image there/);
    expect(await tags()).toMatchObject(await expectedTags(release));

    // Back: one command, with nothing to load but names to give.
    const back = await host.kiisrv(["load", whole, ...into], there);
    expect(back.output).not.toMatch(/image new/);
    const tagged = await tags();
    expect(tagged["kiisrv-server:latest"]).toBe(tagged[`kiisrv-server:${before.release}`]);
    expect(tagged[`kiisrv-server:${release}`]).toBe(await host.imageId(host.server));
  });
});
