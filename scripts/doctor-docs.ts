// Writes the table of checks in docs/DOCTOR.md from the checks themselves: node scripts/doctor-docs.ts
import { readFileSync, writeFileSync } from "node:fs";
import { groups } from "../src/doctor/check.ts";
import { checks } from "../src/doctor/checks.ts";

const page = new URL("../docs/DOCTOR.md", import.meta.url);
const heading = "## The checks\n";

/** The table of checks, as Markdown, a section a group. */
export function checkTable(): string {
  const sections = Object.entries(groups).map(([group, title]) => {
    const rows = checks
      .filter((check) => check.group === group)
      .map((check) => `| \`${check.id}\` | ${check.title} | ${check.why} |`);
    return `### ${title}\n\n| check | what should be | why |\n|---|---|---|\n${rows.join("\n")}\n`;
  });
  return sections.join("\n");
}

/** The page with its table brought up to date. */
export function doctorPage(): string {
  const text = readFileSync(page, "utf8");
  const at = text.indexOf(heading);
  if (at < 0) throw new Error(`docs/DOCTOR.md has no heading "${heading.trim()}"`);
  return `${text.slice(0, at + heading.length)}\n${checkTable()}`;
}

if (import.meta.main) writeFileSync(page, doctorPage());
