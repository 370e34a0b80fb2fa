import { styleText } from "node:util";
import { groups, type Status } from "./check.ts";
import { type Examined, tally } from "./examine.ts";

const marks: Record<Status, { mark: string; style: "green" | "yellow" | "red" | "dim" }> = {
  ok: { mark: "ok  ", style: "green" },
  warn: { mark: "warn", style: "yellow" },
  fail: { mark: "FAIL", style: "red" },
  skip: { mark: "-   ", style: "dim" },
};

export interface PrintOptions {
  /** Whether to explain what is fine, too. */
  verbose: boolean;
  colour: boolean;
}

/** The report for a person: a line a check, by group; what is not fine with why it matters and what to do. */
export function printReport(examined: readonly Examined[], { verbose, colour }: PrintOptions): string {
  const paint = (style: "green" | "yellow" | "red" | "dim" | "bold", text: string) =>
    colour ? styleText(style, text, { validateStream: false }) : text;
  const lines = Object.entries(groups).flatMap(([group, heading]) => {
    const own = examined.filter((one) => one.group === group);
    return own.length === 0 ? [] : [paint("bold", heading), ...own.flatMap(entry), ""];
  });
  return [...lines, summary(examined)].join("\n");

  function entry({ id, title, status, found, why, mend }: Examined): string[] {
    const { mark, style } = marks[status];
    const head = `  ${paint(style, mark)}  ${title} ${paint("dim", `(${id})`)}`;
    const explained = status === "fail" || status === "warn";
    if (!explained && !verbose) return [head];
    const lines = [head, `          found: ${found}`, `          why:   ${why}`];
    return mend === ""
      ? lines
      : [...lines, `          mend:  ${mend.replaceAll("\n", "\n                 ")}`];
  }
}

/** One line. */
export function summary(examined: readonly Examined[]): string {
  const { ok, warn, fail, skip } = tally(examined);
  const parts = [`${ok} fine`, `${warn} to look at`, `${fail} failed`, `${skip} not looked at`];
  return `${examined.length} checks: ${parts.join(", ")}`;
}
