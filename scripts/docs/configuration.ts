// Writes the tables of docs/CONFIGURATION.md from the table in src/config.ts: node scripts/docs/configuration.ts
import { readFileSync, writeFileSync } from "node:fs";
import { configTable, type SettingFacts } from "../../src/config.ts";

const page = new URL("../../docs/CONFIGURATION.md", import.meta.url);
const heading = "## The variables\n";

/** The order of the page: each group with the beginnings of its variables' names. A variable is in the first that fits. */
const groups: Readonly<Record<string, readonly string[]>> = {
  "Where it listens": ["KIISRV_HOST", "KIISRV_PORT"],
  "Where its files are": ["KIISRV_DATA", "KIISRV_LAYOUTS", "KIISRV_TMP_", "KIISRV_ARTIFACTS", "HOST_TMP_"],
  "How it builds": [
    "DOCKER_HOST",
    "KIISRV_TRANSFER",
    "KIISRV_RUNTIME",
    "KIISRV_CONCURRENCY",
    "KIISRV_QUEUE_",
    "KIISRV_WARM",
    "KIISRV_GRACE_SECONDS",
  ],
  "What one build may take": ["KIISRV_BUILD_"],
  "Who may ask, and how often": [
    "KIISRV_REQUIRE_KEY",
    "KIISRV_RATE_",
    "KIISRV_CONNECTIONS",
    "KIISRV_TRUST",
    "KIISRV_HSTS",
    "KIISRV_RAW_ADDRESSES",
  ],
  "What is kept, and how full a disk may be": ["KIISRV_KEEP_", "KIISRV_MIN_FREE_"],
  "What it tells": ["KIISRV_LOG_LEVEL", "KIISRV_START_CHECKS"],
};

/**
 * The page with its tables brought up to date.
 * @throws Error naming the variables that are in no group, or the group without any
 */
export function configurationPage(): string {
  const text = readFileSync(page, "utf8");
  const at = text.indexOf(heading);
  if (at < 0) throw new Error(`docs/CONFIGURATION.md has no heading "${heading.trim()}"`);
  return `${text.slice(0, at + heading.length)}\n${tables(configTable())}`;
}

function tables(settings: readonly SettingFacts[]): string {
  const byGroup = Map.groupBy(settings, ({ variable }) => groupOf(variable));
  const sections = Object.keys(groups).map((title) => {
    const rows = byGroup.get(title)?.map(row);
    if (rows === undefined) throw new Error(`no variable is in the group "${title}"`);
    return `### ${title}\n\n| variable | value | default | meaning |\n|---|---|---|---|\n${rows.join("\n")}\n`;
  });
  return sections.join("\n");
}

function groupOf(variable: string): string {
  const fits = (prefix: string) => variable.startsWith(prefix);
  const group = Object.entries(groups).find(([, prefixes]) => prefixes.some(fits));
  if (group === undefined) throw new Error(`${variable} is in no group of scripts/docs/configuration.ts`);
  return group[0];
}

function row({ variable, accepts, fallback, meaning }: SettingFacts): string {
  return `| \`${variable}\` | ${accepts} | ${fallback && `\`${fallback}\``} | ${meaning} |`;
}

if (import.meta.main) writeFileSync(page, configurationPage());
