import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { docker } from "../support/demo.ts";
import type { Document } from "../support/documents.ts";
import { type Answer, fileOf, textOf } from "../support/e2e-client.ts";
import { ServerProcess } from "../support/e2e-server.ts";

const layouts = join(import.meta.dirname, "../../../shared/golden/layouts");
const images = ["kiisrv-controller-057", "kiisrv-controller-050"];

/** These images are made from sources that not every machine reaches: `make images`. */
async function isPresent(): Promise<boolean> {
  const found = await Promise.all(images.map((image) => docker(["image", "inspect", image])));
  return existsSync(layouts) && found.every(({ status }) => status === 0);
}

describe.skipIf(!(await isPresent()))(
  "real keyboards (need the kiibohd images and the golden layouts)",
  () => {
    let server: ServerProcess;

    beforeAll(async () => {
      server = await ServerProcess.create({ directories: { layouts } });
      await server.start();
    });

    afterAll(() => server.remove());

    const documentOf = (name: string) => JSON.parse(readFileSync(join(layouts, name), "utf8")) as Document;
    const sizes = {
      flash: { used: expect.any(Number), total: 253_952 },
      ram: { used: expect.any(Number), total: 65_536 },
    };

    it.for(["latest", "lts"])("a K-Type becomes firmware: %s", async (version) => {
      const answer = await server.post(documentOf("K-Type-Standard.json"), version);
      expect(answer).toMatchObject({ status: 200, success: true, size: { "kiibohd.dfu.bin": sizes } });
      const files = await server.download(answer);
      expect([...files.keys()]).toEqual(
        expect.arrayContaining(["kiibohd.dfu.bin", "kiibohd.secure.dfu.bin", "kll.json", "log/kll_defs.h"]),
      );
      // USB bcdDevice is the number of commits up to the release.
      const commits = version === "latest" ? 1222 : 1091;
      expect(fileOf(files, "kiibohd.dfu.bin").includes(deviceDescriptor(0x308f, 0x0011, commits))).toBe(true);
      expect(textOf(files, "log/build.log")).not.toMatch(/going the long way/);
    });

    it("a split board becomes two", async () => {
      const answer = await server.post(documentOf("MDErgo1-Blank.json"), "latest");
      expect(answer).toMatchObject({
        success: true,
        size: { "left_kiibohd.dfu.bin": sizes, "right_kiibohd.dfu.bin": sizes },
      });
    });

    it("a layout of one layer has one layer, not the stock ones on top", async () => {
      const files = await server.download(await server.post(documentOf("MD1-HackerBlank.json"), "latest"));
      expect(textOf(files, "log/kll_defs.h")).toMatch(/^#define LayerNum_KLL 1$/m);
    });

    it("the same layout gives the same zip on another server, in other directories", async () => {
      const other = await ServerProcess.create({
        directories: { layouts },
        environment: { KIISRV_WARM: "1" },
      });
      try {
        await other.start();
        const body = documentOf("WhiteFox-TheTrueFox.json");
        const [one, two] = [await server.post(body, "latest"), await other.post(body, "latest")];
        expect(two.filename).toBe(one.filename);
        expect(await bytesOf(other, two)).toEqual(await bytesOf(server, one));
      } finally {
        await other.remove();
      }
    });

    it("what kll does not take is told of the key", async () => {
      const document = documentOf("K-Type-Standard.json");
      const key = document.matrix[3];
      if (key) key.layers[1] = { key: "FOO" };
      document.custom = { 0: 'U"A" : U"B";\n\nU"C" : fooBar( 1 );\n' };
      const answer = await server.post(document, "latest");
      expect(answer.success).toBe(false);
      expect(answer.errors).toContainEqual({
        path: "config.matrix[3].layers.1.key",
        message: "unknown key 'FOO'",
      });
    });

    it("a capability that is none is told of the line of the custom text", async () => {
      const document = documentOf("K-Type-Standard.json");
      document.custom = { 0: 'U"A" : U"B";\n\nU"C" : fooBar( 1 );\n' };
      const answer = await server.post(document, "latest");
      expect(answer.success).toBe(false);
      expect(answer.errors).toContainEqual({
        path: "config.custom.0",
        line: 3,
        message: expect.stringContaining("'fooBar'"),
      });
    });
  },
);

async function bytesOf(server: ServerProcess, { filename }: Answer): Promise<Buffer> {
  const response = await fetch(`${server.url}/${filename.replace(/^\.\//, "")}`);
  return Buffer.from(await response.arrayBuffer());
}

/** The part of a USB device descriptor from the vendor on. */
function deviceDescriptor(vendor: number, product: number, device: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUInt16LE(vendor, 0);
  bytes.writeUInt16LE(product, 2);
  bytes.writeUInt16LE(device, 4);
  return bytes;
}
