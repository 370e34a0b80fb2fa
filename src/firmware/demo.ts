import { containerSpec, type Family } from "./family.ts";

/** The small firmware of controllers/demo: builds anywhere, runs in QEMU. */
export const demo: Family = {
  name: "demo",
  boards: ["Demo"],
  plan: (input) =>
    containerSpec(
      {
        script: "demo.bash",
        extraMaps: "stdFuncMap",
        split: false,
        outputs: ["kiibohd.dfu.bin", "kiibohd.elf", "kll.json"],
      },
      input,
    ),
};
