import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseVersions } from "../scripts/images/versions.ts";
import { describeConfig } from "../src/config.ts";

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");
const production = read("compose.prod.yaml");

/** What the server's image decides, or its place in a container. DOCKER_HOST is Compose's own: its socket is mounted. */
const ofTheContainer = [
  "KIISRV_HOST",
  "KIISRV_PORT",
  "KIISRV_DATA",
  "KIISRV_LAYOUTS",
  "KIISRV_LAYOUTS_SEED",
  "KIISRV_TMP_CONFIG",
  "KIISRV_TMP_BUILDS",
  "KIISRV_ARTIFACTS",
  "HOST_TMP_CONFIG",
  "HOST_TMP_BUILDS",
  "KIISRV_TRUST_PROXY",
  "DOCKER_HOST",
];

test("compose.prod.yaml passes every other setting on to the server", () => {
  const variables = [...describeConfig().matchAll(/^ {2}([A-Z_]+) /gm)].map(([, name]) => name ?? "");
  const passed = new Set([...production.matchAll(/^ {6}([A-Z_]+):/gm)].map(([, name]) => name ?? ""));
  expect(variables.length).toBeGreaterThan(20);
  expect(variables.filter((name) => !passed.has(name))).toEqual(ofTheContainer);
});

test("the server's heap is limited alike wherever it starts, with room for the rest in its container", () => {
  const heaps = ["bin/kiisrv", "Dockerfile", "test/support/e2e-server.ts", "bench/support/server.ts"].map(
    (path) => Number(/--max-old-space-size=(\d+)/.exec(read(path))?.[1]),
  );
  const container = Number(/mem_limit: \$\{KIISRV_MEMORY:-(\d+)m\}/.exec(production)?.[1]);
  expect(new Set(heaps).size).toBe(1);
  expect(heaps[0]).toBeLessThanOrEqual(container * 0.7);
});

test("compose.prod.yaml builds the versions that are in the table", () => {
  const services = production.split(/^ {2}(?=controller-)/m).slice(2);
  const versions = services.map((service) => {
    const value = (name: string) => new RegExp(`^ +${name}: "?(.*?)"?$`, "m").exec(service)?.[1] ?? "";
    const image = value("image").replace("kiisrv-controller-", "");
    expect(service).toMatch(new RegExp(`^controller-${image}:`));
    expect(value("NOTES").split("/").at(-1)).toBe(value("TAG"));
    const [tag, kll, commits, commit, date] = ["TAG", "KLL", "COMMITS", "COMMIT", "DATE"].map(value);
    return { name: image, tag, kll, commits, commit, date };
  });
  expect(versions).toEqual(parseVersions(read("controllers/kiibohd/versions")));
});
