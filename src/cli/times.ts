import { usage } from "./command.ts";

const units = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * Reads a point in time: a date (`2027-01-31`, or RFC 3339), or a span (`90d`, `12h`, `30m`) from now.
 * @param direction 1: the span is yet to come; -1: it has passed
 * @returns milliseconds since 1970
 */
export function readTime(option: string, text: string, direction: 1 | -1): number {
  const [, count, unit] = /^(\d{1,5})([mhd])$/.exec(text) ?? [];
  if (unit !== undefined) return Date.now() + direction * Number(count) * units[unit as keyof typeof units];
  const time = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) throw usage(`${option} takes a date (2027-01-31) or a span (90d, 12h, 30m)`);
  return time;
}

/** A point in time as commands print it: to the second, UTC. */
export function showTime(time: number): string {
  return new Date(time).toISOString().replace(/\.\d+Z$/, "Z");
}
