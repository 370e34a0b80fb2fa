/** What came of building one layout with one version every way. Times in seconds. */
export interface Row {
  version: string;
  board: string;
  variant: string;
  layout: string;
  /** Of each firmware of the board (a split one has two): its bytes, and how much of the chip's flash it takes, percent. */
  firmwares: { bytes: number; flash: number | null }[];
  cold: number;
  fast: number;
  warm: number;
  /** How often each time was taken; it is the median of them. */
  rounds: number;
  /** What is wrong: a build that failed, outputs that differ. Empty: all outputs of all builds are the same. */
  problems: string[];
}

export interface ImageSize {
  name: string;
  bytes: number;
}

export interface Report {
  date: string;
  machine: string;
  rows: readonly Row[];
  images: readonly ImageSize[];
  /** Layers that images share counted once. */
  togetherBytes: number;
  archives: readonly ImageSize[];
}

/** The page docs/kiibohd-builds.md. */
export function writeReport(report: Report): string {
  const { date, machine, rows, images, togetherBytes, archives } = report;
  const wrong = rows.filter(({ problems }) => problems.length > 0);
  return [
    "# What the kiibohd images build, and how fast",
    "",
    `Written by \`make verify-images\` on ${date}: ${machine}.`,
    "",
    "Each layout was built by the image three ways: *cold*, the controller's own way, in a new container; *fast* in a new",
    "container; *fast* in one that was started beforehand (*warm*). Times are wall time from asking the runner to having all",
    "outputs, with a new container where there is one. *Identical* means every output file, byte for byte.",
    "",
    wrong.length === 0
      ? `**${rows.length} layouts: everything is identical.**`
      : `**${rows.length} layouts; with ${wrong.length} of them something is wrong.**`,
    "",
    ...table(
      ["board", "layout", "version", "bytes", "flash", "cold s", "fast s", "warm s", "identical"],
      rows.map(rowCells),
      [3, 4, 5, 6, 7],
    ),
    "",
    ...medianNote(rows),
    ...speedLines(rows),
    "## Sizes of the images",
    "",
    ...table(
      ["image", "MB"],
      [
        ...images.map(({ name, bytes }) => [name, megabytes(bytes)]),
        ["all together on disk, shared layers counted once", megabytes(togetherBytes)],
        ...archives.map(({ name, bytes }) => [`all together in one archive, ${name}`, megabytes(bytes)]),
      ],
      [1],
    ),
    "",
  ].join("\n");
}

function rowCells(row: Row): string[] {
  const { version, board, variant, layout, firmwares, cold, fast, warm, problems } = row;
  return [
    [board, variant].filter(Boolean).join(" "),
    layout,
    version,
    firmwares.map(({ bytes }) => bytes.toLocaleString("en-US")).join(" + "),
    firmwares.map(({ flash }) => (flash === null ? "?" : `${Math.round(flash)} %`)).join(" + "),
    ...[cold, fast, warm].map(seconds),
    problems.length === 0 ? "yes" : `**no**: ${problems.join("; ")}`,
  ];
}

function medianNote(rows: readonly Row[]): string[] {
  const repeated = rows.filter(({ rounds }) => rounds > 1);
  const boards = [...new Set(repeated.map(({ board }) => board))].join(", ");
  return boards === "" ? [] : [`Times of the ${boards} are medians of ${repeated[0]?.rounds} builds.`, ""];
}

/** How many times faster than cold each version is, where everything was built. */
function speedLines(rows: readonly Row[]): string[] {
  const versions = [...new Set(rows.map(({ version }) => version))];
  const cells = versions.flatMap((version) => {
    const good = rows.filter((row) => row.version === version && row.problems.length === 0);
    if (good.length === 0) return [];
    const times = (pick: (row: Row) => number) =>
      `${median(good.map((row) => row.cold / pick(row))).toFixed(1)} x`;
    return [[version, times(({ fast }) => fast), times(({ warm }) => warm)]];
  });
  if (cells.length === 0) return [];
  return [
    "How many times faster than cold (median of the rows):",
    "",
    ...table(["version", "fast", "warm"], cells, [1, 2]),
    "",
  ];
}

/** The middle one of some numbers; of an even count, the upper of the two. */
export function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}

/** @param right the columns that hold numbers */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[],
): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    line(head),
    line(head.map((_, column) => (right.includes(column) ? "---:" : "---"))),
    ...rows.map(line),
  ];
}

function seconds(value: number): string {
  return Number.isNaN(value) ? "-" : value.toFixed(2);
}

function megabytes(bytes: number): string {
  return Math.round(bytes / 1_000_000).toLocaleString("en-US");
}
