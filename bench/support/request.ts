import { readFileSync } from "node:fs";
import { join } from "node:path";

const layouts = join(import.meta.dirname, "../../layouts");

/** The size of the largest layout in the field, the K-Type's. */
const bytes = 76_000;

/** The Demo layout as a client posts it, signed by `author` (another author is another build). */
export function demoRequest(author: string): string {
  return JSON.stringify({ config: demoLayout(author), env: "demo" });
}

/** The same with animations, as a K-Type has them, up to 76 kB. */
export function bigRequest(author: string): string {
  const config = demoLayout(author);
  const frames: string[] = [];
  config.animations = { rainbow_wave: { settings: "start, loop, div:1, pfunc:interp", frames } };
  while (JSON.stringify({ config, env: "demo" }).length < bytes) {
    frames.push(
      `P[c:${frames.length}%](255,255,255), P[c:25%](127,0,255), P[c:50%](0,0,255), P[c:75%](0,255,0)`,
    );
  }
  return JSON.stringify({ config, env: "demo" });
}

function demoLayout(author: string): { header: { Author: string }; animations?: object } {
  const layout = JSON.parse(readFileSync(join(layouts, "Demo-Standard.json"), "utf8"));
  return { ...layout, header: { ...layout.header, Author: author } };
}
