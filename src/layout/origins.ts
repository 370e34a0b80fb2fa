import type { Origin } from "./kll.ts";

/** Where the lines of a layout's KLL files come from: file name -> the origin of each line. */
export type Origins = Readonly<Record<string, readonly (Origin | null)[]>>;
