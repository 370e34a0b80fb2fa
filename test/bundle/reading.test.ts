import { writeFileSync } from "node:fs";
import { buffer } from "node:stream/consumers";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { isFile } from "../../src/bundle/manifest.ts";
import { readBundle, readManifest, verifyBundle } from "../../src/bundle/reading.ts";
import {
  bundleFile,
  type RawMember,
  rawArchive,
  sha256,
  tinyManifest,
  tinyMembers,
} from "../support/bundles.ts";

const signal = AbortSignal.timeout(60_000);

/** Reads a bundle to its end; gives the texts of its files. */
async function contents(file: string): Promise<Record<string, string>> {
  const texts: Record<string, string> = {};
  for await (const { member, bytes } of readBundle(file, { signal })) {
    texts[member.path] = String(await buffer(bytes));
  }
  return texts;
}

function at(members: RawMember[], name: string): number {
  const index = members.findIndex((member) => member.name === name);
  if (index < 0) throw new Error(`no member ${name}`);
  return index;
}

describe("a bundle that is right", () => {
  test("is read in its order, whatever compressed it", async () => {
    const file = await bundleFile(tinyMembers());
    const archive = await rawArchive(tinyMembers());
    const read = await contents(file);
    expect(Object.keys(read)).toEqual(
      tinyManifest()
        .members.filter(isFile)
        .map(({ path }) => path),
    );
    expect(read["compose.prod.yaml"]).toBe("services: {}\n");
    for (const bytes of [gzipSync(archive), archive, zstdCompressSync(archive)]) {
      writeFileSync(file, bytes);
      expect(await contents(file)).toEqual(read);
    }
  });

  test("is checked where nobody reads its files", async () => {
    const bytes: number[] = [];
    const manifest = await verifyBundle(await bundleFile(tinyMembers()), {
      signal,
      onBytes: (count) => bytes.push(count),
    });
    expect(manifest).toEqual(tinyManifest());
    expect(bytes.reduce((sum, count) => sum + count, 0)).toBe((await rawArchive(tinyMembers())).length);
  });

  test("shows its manifest although what follows is damaged", async () => {
    const members = tinyMembers();
    const file = await bundleFile(members.slice(0, 2), (bytes) => bytes);
    expect(await readManifest(file, signal)).toEqual(tinyManifest());
  });

  test("is read no further than to the member of interest", async () => {
    const members = tinyMembers();
    members.splice(at(members, "manifest.json"));
    const read: string[] = [];
    const file = await bundleFile(members);
    for await (const { member } of readBundle(file, { signal, until: "layouts/Tiny-Base.json" })) {
      read.push(member.path);
    }
    expect(read).toEqual(["compose.prod.yaml", "layouts/Tiny-Base.json"]);
  });

  test("is read no further once the signal came", async () => {
    const stop = new AbortController();
    const reading = verifyBundle(await bundleFile(tinyMembers()), {
      signal: stop.signal,
      begin: () => stop.abort(new Error("enough")),
    });
    await expect(reading).rejects.toThrow();
  });
});

/** Each damages the members, or gives others. */
const damages: [string, (members: RawMember[]) => void, RegExp][] = [
  ["without a manifest", (members) => members.shift(), /"SHA256SUMS" is where bundle\.json should be/],
  [
    "without checksums",
    (members) => members.splice(1, 1),
    /"compose\.prod\.yaml" is where SHA256SUMS should be/,
  ],
  ["with nothing in it", (members) => members.splice(0), /bundle\.json is missing/],
  ["cut after a member", (members) => members.pop(), /member blobs\/sha256\/\w+ is missing/],
  ["with a member left out", (members) => members.splice(2, 1), /is where compose\.prod\.yaml should be/],
  [
    "with a member twice",
    (members) => members.splice(2, 0, ...members.slice(2, 3)),
    /"compose\.prod\.yaml" is where/,
  ],
  ["with one more member", (members) => members.push({ name: "more" }), /"more" is not in the manifest/],
  [
    "that leads upwards",
    (members) => members.push({ name: "../../etc/cron.d/x" }),
    /"\.\.\/\.\.\/etc.*not in the manifest/,
  ],
  ["with an absolute member", (members) => members.splice(2, 0, { name: "/etc/x" }), /"\/etc\/x" is where/],
  [
    "with other bytes",
    (members) => replace(members, "compose.prod.yaml", { bytes: Buffer.from("services: []\n") }),
    /compose\.prod\.yaml does not have its checksum/,
  ],
  [
    "with more bytes",
    (members) => replace(members, "compose.prod.yaml", { bytes: Buffer.alloc(500) }),
    /compose\.prod\.yaml has 500 bytes, not 13/,
  ],
  [
    "with a link for a file",
    (members) =>
      replace(members, "compose.prod.yaml", { header: { type: "symlink", linkname: "/etc/passwd" } }),
    /compose\.prod\.yaml is a symlink, not a file/,
  ],
  [
    "with a hard link for a file",
    (members) => replace(members, "compose.prod.yaml", { header: { type: "link", linkname: "bundle.json" } }),
    /compose\.prod\.yaml is a link, not a file/,
  ],
  [
    "with a device for a file",
    (members) => replace(members, "compose.prod.yaml", { header: { type: "character-device" } }),
    /compose\.prod\.yaml is a character-device, not a file/,
  ],
  [
    "with a link that leads elsewhere",
    (members) =>
      replace(members, "layouts/Tiny-Default.json", {
        header: { type: "symlink", linkname: "../../secret.json" },
      }),
    /Tiny-Default\.json does not lead to Tiny-Base\.json/,
  ],
  [
    "whose checksums contradict its manifest",
    (members) => replace(members, "SHA256SUMS", { bytes: Buffer.from(`${sha256("")}  bundle.json\n`) }),
    /SHA256SUMS and bundle\.json contradict each other/,
  ],
  [
    "whose manifest is no JSON",
    (members) => replace(members, "bundle.json", { bytes: Buffer.from("{") }),
    /bundle\.json is no JSON/,
  ],
  [
    "whose manifest is a link",
    (members) => replace(members, "bundle.json", { header: { type: "symlink", linkname: "/etc/passwd" } }),
    /bundle\.json is no file/,
  ],
  [
    "whose manifest is huge",
    (members) => replace(members, "bundle.json", { bytes: Buffer.alloc(5 * 1024 * 1024) }),
    /bundle\.json is no file of at most/,
  ],
  [
    "with a name that plays on the terminal",
    (members) => members.splice(2, 0, { name: "\u001b[2Jx" }),
    /"\\u001b\[2Jx" is where/,
  ],
];

function replace(members: RawMember[], name: string, change: Partial<RawMember>): void {
  const index = at(members, name);
  members[index] = { name, ...change };
}

describe("a bundle", () => {
  test.for(damages)("%s is refused", async ([, damage, message]) => {
    const members = tinyMembers();
    damage(members);
    const file = await bundleFile(members);
    await expect(contents(file)).rejects.toThrow(message);
    await expect(contents(file)).rejects.toThrow(file);
  });

  test.for([0.2, 0.5, 0.9, 0.999])("cut to %d of its length is refused", async (share) => {
    const file = await bundleFile(tinyMembers(), (bytes) =>
      bytes.subarray(0, Math.floor(bytes.length * share)),
    );
    await expect(contents(file)).rejects.toThrow(file);
  });

  test("that is something else is refused", async () => {
    const file = await bundleFile([], () => Buffer.from("a file of words, not of members. ".repeat(100)));
    await expect(contents(file)).rejects.toThrow(/cannot be used/);
  });

  test("that is not there is named", async () => {
    await expect(contents("/nonesuch.tar.zst")).rejects.toThrow(/nonesuch\.tar\.zst/);
  });

  test("that swells behind its end is not read for ever", async () => {
    const archive = await rawArchive(tinyMembers());
    const swollen = Buffer.concat([archive, Buffer.alloc(64 * 1024 * 1024)]);
    const file = await bundleFile([], () => zstdCompressSync(swollen));
    await expect(contents(file)).rejects.toThrow(/more in it than its manifest says/);
  });

  test("whose member swells is read no further than its manifest says", async () => {
    const members = tinyMembers();
    replace(members, "compose.prod.yaml", { bytes: Buffer.alloc(64 * 1024 * 1024) });
    let read = 0;
    const reading = verifyBundle(await bundleFile(members), {
      signal,
      onBytes: (count) => {
        read += count;
      },
    });
    await expect(reading).rejects.toThrow(/compose\.prod\.yaml has 67108864 bytes, not 13|more in it/);
    expect(read).toBeLessThan(16 * 1024 * 1024);
  });
});
