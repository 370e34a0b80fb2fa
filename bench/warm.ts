import { type Figure, printFigures, quantile } from "./support/numbers.ts";
import { demoRequest } from "./support/request.ts";
import { type BenchServer, post, startServer } from "./support/server.ts";
import { WaitingContainers } from "./support/waiting.ts";

const rounds = 15;

/** The same build, from POST to answer, in a container that waited for it and in a new one, turn by turn. */
export async function benchWarm(): Promise<Figure[]> {
  const slots = new WaitingContainers();
  const cold = await startServer({ environment: { KIISRV_WARM: "0" } });
  const figures = { cold: [] as number[], warm: [] as number[] };
  try {
    const environment = { KIISRV_WARM: "1", KIISRV_LOG_LEVEL: "debug" };
    const warm = await startServer({ port: 3198, environment, onLog: (line) => slots.take(line) });
    try {
      await Promise.all([cold, warm].map(({ url }) => post(url, demoRequest("warm-up"))));
      for (let round = 1; round <= rounds; round++) {
        await slots.reached(round);
        const body = demoRequest(`round ${round}`);
        figures.cold.push(await timed(cold, body));
        figures.warm.push(await timed(warm, body));
      }
    } finally {
      await warm.stop();
    }
  } finally {
    await cold.stop();
  }
  const [usual, fast] = [quantile(figures.cold, 0.5), quantile(figures.warm, 0.5)];
  return [
    { name: "POST, new container, median", value: usual, unit: "ms" },
    { name: "POST, waiting container, median", value: fast, unit: "ms" },
    { name: "ratio new to waiting", value: usual / fast, unit: "x", expected: "> 1.5" },
  ];
}

async function timed({ url }: BenchServer, body: string): Promise<number> {
  const started = performance.now();
  await post(url, body);
  return performance.now() - started;
}

if (import.meta.main) printFigures("Waiting container (Demo)", await benchWarm());
