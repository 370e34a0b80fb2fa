import { type Check, check, type Finding, fail, ok, skip, warn } from "../check.ts";
import type { DirectoryFacts, ProcessFacts } from "../facts.ts";
import { formatBytes, octal, shellWord } from "../text.ts";

/** A file system with less than this is nearly full, bytes; but a small one has a right to be small. */
const scarce = 2 ** 30;
/** Likewise, files to come. */
const scarceFiles = 10_000;

export const storage: Check[] = [
  check({
    id: "storage.writable",
    title: "the server can write to its directories",
    why: "What cannot be written is answered with 507, or keeps the server from starting.",
    needs: ["directories", "process"],
    judge({ directories, process: self }) {
      const bad = directories.filter(({ writeError }) => writeError !== null && !isFull(writeError));
      if (bad.length === 0) return ok(directories.map(({ path }) => path).join(", "));
      return fail(
        bad.map(({ path, writeError }) => `${path}: ${writeError}`).join("; "),
        unique(bad.map((one) => makeWritable(one, self))),
      );
    },
  }),
  check({
    id: "storage.space",
    title: "there is room on the disks",
    why: "Below KIISRV_MIN_FREE_MIB no build begins any more; on a full disk nothing can be stored.",
    needs: ["directories", "configuration"],
    judge({ directories, configuration: { settings } }) {
      const { minimumFree, limits } = settings;
      const full = directories.filter(
        ({ space }) => space !== null && space.freeBytes < Math.max(minimumFree.bytes, limits.outputBytes),
      );
      const text = ({ path, space }: DirectoryFacts) =>
        `${path}: ${formatBytes(space?.freeBytes ?? 0)} of ${formatBytes(space?.totalBytes ?? 0)} free`;
      if (full.length > 0) return fail(full.map(text).join("; "), makeRoom(full));
      const low = directories.filter(
        ({ space }) => space !== null && space.freeBytes < Math.min(scarce, space.totalBytes / 10),
      );
      if (low.length > 0) return warn(low.map(text).join("; "), makeRoom(low));
      return known(directories, text);
    },
  }),
  check({
    id: "storage.files",
    title: "there is room for more files",
    why: "A file system can run out of inodes with gigabytes free; below KIISRV_MIN_FREE_INODES no build begins any more.",
    needs: ["directories", "configuration"],
    judge({ directories, configuration: { settings } }) {
      const fewest = Math.max(settings.minimumFree.files, settings.limits.outputFiles);
      const counted = directories.filter(({ space }) => space !== null && space.totalFiles > 0);
      const text = ({ path, space }: DirectoryFacts) =>
        `${path}: ${space?.freeFiles} of ${space?.totalFiles} inodes free`;
      const out = counted.filter(({ space }) => space !== null && space.freeFiles < fewest);
      const mend = (bad: readonly DirectoryFacts[]) =>
        unique(bad.map(({ path }) => `du --inodes --one-file-system ${shellWord(path)} | sort -n | tail`));
      if (out.length > 0) return fail(out.map(text).join("; "), mend(out));
      const low = counted.filter(
        ({ space }) => space !== null && space.freeFiles < Math.min(scarceFiles, space.totalFiles / 10),
      );
      if (low.length > 0) return warn(low.map(text).join("; "), mend(low));
      return counted.length === 0
        ? ok("the file systems have no fixed number")
        : ok(counted.map(text).join("; "));
    },
  }),
  check({
    id: "storage.private",
    title: "nobody else can write to the data",
    why: "Who may write there may replace databases and firmware, which others then flash.",
    needs: ["directories", "process"],
    judge({ directories }) {
      const open = directories.filter(
        ({ stat }) => stat !== null && (stat.mode & 0o002) !== 0 && (stat.mode & 0o1000) === 0,
      );
      if (open.length === 0) return ok("no directory is writable for everybody");
      const names = open.map(({ path, stat }) => `${path} (${octal(stat?.mode ?? 0)})`);
      return warn(
        names.join(", "),
        `sudo chmod o-w ${[...new Set(open.map(({ path }) => shellWord(path)))].join(" ")}`,
      );
    },
  }),
  check({
    id: "storage.clock",
    title: "the file systems' clock agrees with ours",
    why: "Files then look older or younger than they are: what is to be kept is deleted, or the other way round.",
    needs: ["directories"],
    judge({ directories }) {
      const off = directories.filter(({ skew }) => skew !== null && Math.abs(skew) > 5000);
      if (off.length === 0) return ok("to within 5 s");
      const found = off.map(({ path, skew }) => `${path}: ${Math.round((skew ?? 0) / 1000)} s`);
      return warn(
        found.join("; "),
        "on the file server and here: sudo timedatectl set-ntp true; then: date -u",
      );
    },
  }),
];

function isFull(error: string): boolean {
  return error.includes("ENOSPC") || error.includes("EDQUOT");
}

function makeWritable({ path, writeError, stat }: DirectoryFacts, { uid, gid }: ProcessFacts): string {
  const word = shellWord(path);
  if (writeError?.includes("EROFS"))
    return `sudo mount -o remount,rw "$(findmnt --noheadings --output TARGET --target ${word})"`;
  if (stat === null) return `sudo install -d -o ${uid} -g ${gid} ${word}`;
  return `sudo chown -R ${uid}:${gid} ${word} && sudo chmod u+rwx ${word}`;
}

function makeRoom(full: readonly DirectoryFacts[]): string {
  return `${unique(full.map(({ path }) => `du -x -h -d 1 ${shellWord(path)} | sort -h | tail`))}\nKIISRV_KEEP_MIB bounds the finished zips; docker image prune frees what no image needs`;
}

function known(directories: readonly DirectoryFacts[], text: (one: DirectoryFacts) => string): Finding {
  const there = directories.filter(({ space }) => space !== null);
  return there.length === 0 ? skip("no directory could be asked") : ok(there.map(text).join("; "));
}

function unique(lines: readonly string[]): string {
  return [...new Set(lines)].join("\n");
}
