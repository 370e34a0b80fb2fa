import { demo } from "./demo.ts";
import type { Family } from "./family.ts";
import { kiibohd } from "./kiibohd.ts";

/** Every family this server builds; a new one is added here and in the table of versions. */
export const families: readonly Family[] = [demo, kiibohd];
