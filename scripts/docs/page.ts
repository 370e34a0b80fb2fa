import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import GithubSlugger from "github-slugger";
import type { Nodes } from "mdast";
import { fromMarkdown } from "mdast-util-from-markdown";

export const root = join(import.meta.dirname, "../..");

/** A block of code: what the fence says of it (nothing where there is no fence), and where its text begins. */
export interface Block {
  language: string;
  info: string;
  text: string;
  line: number;
}

/** What can be wrong in a page of the documentation. */
export interface Page {
  /** From the top of the checkout. */
  path: string;
  text: string;
  blocks: Block[];
  /** Code within a line. */
  code: string[];
  links: string[];
  /** What a link to a heading may end in, as GitHub makes it. */
  anchors: string[];
}

/** The pages of the checkout, by path. */
export function listPages(): string[] {
  const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "*.md"], {
    cwd: root,
    encoding: "utf8",
  });
  return files.trim().split("\n");
}

/** @throws Error when there is no such file */
export function readPage(path: string): Page {
  const text = readFileSync(join(root, path), "utf8");
  const slugger = new GithubSlugger();
  const page: Page = { path, text, blocks: [], code: [], links: [], anchors: [] };
  visit(fromMarkdown(text), (node) => {
    if (node.type === "code") page.blocks.push(block(node));
    if (node.type === "inlineCode") page.code.push(node.value);
    if (node.type === "link" || node.type === "definition") page.links.push(node.url);
    if (node.type === "heading") page.anchors.push(slugger.slug(words(node)));
  });
  return page;
}

function block({ lang, meta, value, position }: Nodes & { type: "code" }): Block {
  return { language: lang ?? "", info: meta ?? "", text: value, line: (position?.start.line ?? 0) + 1 };
}

function visit(node: Nodes, see: (node: Nodes) => void): void {
  see(node);
  if ("children" in node) for (const child of node.children) visit(child, see);
}

function words(node: Nodes): string {
  if ("value" in node) return node.value;
  return "children" in node ? node.children.map(words).join("") : "";
}
