import type { Halt } from "./halt.ts";

/**
 * Looks over what a build has written, now and then while it runs, and halts it when that is too much.
 * @param findExcess gives a sentence if it is too much
 * @param every milliseconds from one look to the next
 * @returns ends the watch
 */
export function watchUsage(findExcess: () => Promise<string | null>, every: number, halt: Halt): () => void {
  let ended = false;
  let timer = setTimeout(look, every);

  async function look(): Promise<void> {
    try {
      const excess = await findExcess();
      if (ended) return;
      if (excess !== null) halt.raise({ status: "limit-exceeded", reason: excess });
      else timer = setTimeout(look, every);
    } catch (error) {
      halt.fail(error);
    }
  }

  return () => {
    ended = true;
    clearTimeout(timer);
  };
}
