import { cpus } from "node:os";
import { benchCold } from "./cold.ts";
import { benchHttp } from "./http.ts";
import { benchKiibohd } from "./kiibohd.ts";
import { benchLayout } from "./layout.ts";
import { benchStats } from "./stats.ts";
import { type Figure, printFigures } from "./support/numbers.ts";
import { benchWarm } from "./warm.ts";

const benches: [title: string, bench: () => Figure[] | Promise<Figure[]>][] = [
  ["A 76 kB document", benchLayout],
  ["HTTP, the server on one core", benchHttp],
  ["Cold build (Demo)", benchCold],
  ["Waiting container (Demo)", benchWarm],
  ["K-Type, an edited layout", benchKiibohd],
  ["Statistics over 1,000,000 requests", benchStats],
];

console.log(`${cpus().length} cores, ${cpus()[0]?.model ?? "unknown"}, Node ${process.version}`);
for (const [title, bench] of benches) printFigures(title, await bench());
