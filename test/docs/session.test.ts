import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import type { Block, Page } from "../../scripts/docs/page.ts";
import { session } from "../../scripts/docs/session.ts";
import { freePort } from "../../scripts/free-port.ts";
import { temporaryDirectory } from "../support/app.ts";

const surroundings = { port: 4711, compose: "docker-compose", heavy: false };

function page(...blocks: [info: string, text: string][]): Page {
  const sh = (info: string, text: string, line: number): Block => ({ language: "sh", info, text, line });
  return {
    path: "docs/X.md",
    text: "",
    blocks: blocks.map(([info, text], at) => sh(info, text, at + 1)),
    code: [],
    links: [],
    anchors: [],
  };
}

async function run(...blocks: [info: string, text: string][]) {
  const { script } = session(page(...blocks), { ...surroundings, port: await freePort("::") });
  const { status, stdout } = spawnSync("bash", ["-c", script], {
    cwd: temporaryDirectory(),
    encoding: "utf8",
  });
  return { status, lines: stdout.trim().split("\n") };
}

describe("a session of a page's commands", () => {
  it("is one shell: what a block sets, the next one has", async () => {
    expect(await run(["", "name=value"], ["", "echo $name"])).toEqual({
      status: 0,
      lines: ["::line 1", "::line 2", "value"],
    });
  });

  it.for(["false", "echo x | grep y", "echo $unset", "exit 3"])(
    "ends where a block fails: %s",
    async (text) => {
      const { status, lines } = await run(["", "true"], ["", text], ["", "echo no further"]);
      expect(status).not.toBe(0);
      expect(lines).toEqual(["::line 1", "::line 2"]);
    },
  );

  it("uses the port and the Compose of this machine", () => {
    const { script } = session(page(["", "docker compose ps; curl localhost:3001/x13001"]), surroundings);
    expect(script).toContain("docker-compose ps; curl localhost:4711/x13001");
  });

  it("leaves out what cannot be run here, and says so", () => {
    const blocks = page(["not-here: needs a public name", "a"], ["heavy", "b"], ["", "c"]);
    expect(session(blocks, surroundings)).toMatchObject({
      ran: 1,
      left: [
        { line: 1, why: "needs a public name" },
        { line: 2, why: "heavy" },
      ],
    });
    expect(session(blocks, { ...surroundings, heavy: true })).toMatchObject({ ran: 2, left: [{ line: 1 }] });
  });

  it.for(["not-here", "not-here:", "server", "heavy heavy", "heavyserves", "serves heavy"])(
    "refuses a fence that says %s",
    (info) => {
      expect(() => session(page([info, ""]), surroundings)).toThrow(`docs/X.md:1: no such word: ${info}`);
    },
  );

  it("has a server that stays, until another one or a block without it comes", async () => {
    const listen = `node -e 'require("http").createServer((_, answer) => answer.end()).listen(3001)'`;
    const ask = "curl -sf localhost:3001 && echo there || echo away";
    expect(await run(["serves", listen], ["", ask], ["serves", listen], ["", ask], ["stopped", ask])).toEqual(
      {
        status: 0,
        lines: ["::line 1", "::line 2", "there", "::line 3", "::line 4", "there", "::line 5", "away"],
      },
    );
  });

  it("ends where a server does not come up", async () => {
    expect(await run(["serves", "exit 1"], ["", "echo no further"])).toMatchObject({ status: 1 });
  });

  it("runs nothing but shell", () => {
    const { blocks, ...rest } = page(["", "echo"]);
    const json = blocks.map((block) => ({ ...block, language: "json" }));
    expect(session({ ...rest, blocks: json }, surroundings)).toMatchObject({ ran: 0, left: [] });
  });
});
