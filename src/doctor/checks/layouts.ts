import { families } from "../../firmware/families.ts";
import { findFamily } from "../../firmware/family.ts";
import { type Check, check, fail, ok, skip, warn } from "../check.ts";
import type { Facts } from "../facts.ts";
import { abridge, shellWord } from "../text.ts";

const sync = "kiisrv layouts sync   (without internet: --from BUNDLE, a git bundle or directory)";
const inCompose = `on the host: docker compose -f compose.prod.yaml run --rm layouts
without internet: docker compose -f compose.prod.yaml run --rm -v DIRECTORY:/import:ro layouts sync --from /import`;
const elsewhere = `start the server in the checkout, which has layouts/, or set KIISRV_LAYOUTS=DIRECTORY
(in a container: one that is mounted there)`;

export const layouts: Check[] = [
  check({
    id: "layouts.library",
    title: "the layout library can be read",
    why: "Clients begin with a layout of it, and every build needs its board's base layout.",
    needs: ["layouts", "configuration", "process"],
    judge(facts) {
      const { error, listed, directoryExists } = facts.layouts;
      const { layouts: path } = facts.configuration.settings;
      if (error !== null)
        return fail(
          error,
          `sudo chown -R ${facts.process.uid} ${shellWord(path)} && sudo chmod -R u+rX ${shellWord(path)}`,
        );
      if (listed.length > 0) return ok(`${listed.length} layouts`);
      const lacking = directoryExists ? `no layout in ${path}` : `${path} is not there`;
      return warn(`${lacking}, and none synced`, supply(facts));
    },
  }),
  check({
    id: "layouts.valid",
    title: "every layout is one",
    why: "A broken base layout makes every build of its board fail; any other is refused by clients.",
    needs: ["layouts", "configuration"],
    judge({ layouts: { listed }, configuration: { settings } }) {
      const broken = listed.flatMap((layout) => ("error" in layout ? [layout] : []));
      if (broken.length === 0) return ok("all can be read");
      const found = broken.map(({ name, error }) => `${name}.json: ${error}`);
      const moves = broken.map(({ name }) => {
        const file = `${settings.layouts}/${name}.json`;
        return `mv ${shellWord(file)} ${shellWord(`${file}.broken`)}`;
      });
      return fail(
        abridge(found),
        `repair them, or take them out (of those that were synced: kiisrv layouts sync):\n${moves.slice(0, 10).join("\n")}`,
      );
    },
  }),
  check({
    id: "layouts.boards",
    title: "every family that can be built has layouts",
    why: "Without the base layouts of its boards an image has nothing to build: every request says that the base layout is missing.",
    needs: ["layouts", "images", "configuration", "process"],
    judge(facts) {
      const { layouts, images, configuration } = facts;
      const { listed, directoryExists } = layouts;
      if (listed.length === 0) return skip("there is no layout");
      const installed = new Set(images.map(({ labels }) => labels["kiisrv.family"] ?? "kiibohd"));
      if (installed.size === 0) return skip("there is no image");
      const boards = listed.flatMap((layout) =>
        "error" in layout ? [] : [layout.board ?? layout.name.split("-")[0] ?? ""],
      );
      const served = new Set(boards.map((board) => findFamily(families, board)?.name));
      const without = [...installed].filter((family) => !served.has(family));
      if (without.length === 0) return ok([...installed].map((one) => one).join(", "));
      const gone = directoryExists ? "" : `; ${configuration.settings.layouts} is not there`;
      return warn(`no layout of a board of: ${without.join(", ")}${gone}`, supply(facts));
    },
  }),
];

/** Where layouts come from. Where their directory is missing a sync is no cure: most likely the server started elsewhere. */
function supply({ layouts, process }: Pick<Facts, "layouts" | "process">): string {
  if (!layouts.directoryExists) return elsewhere;
  return process.inContainer ? inCompose : sync;
}
