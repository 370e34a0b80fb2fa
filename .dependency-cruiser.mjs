/**
 * The floors of the house, from the top down. A module imports only from floors below its own, and from its own room;
 * type-only imports count too.
 */
const floors = [
  ["^src/(main|serve|diagnose|bundling)\\.ts$"],
  ["^src/http/", "^src/cli/"],
  ["^src/doctor/"],
  ["^src/build/", "^src/backup/", "^src/bundle/"],
  ["^src/firmware/", "^src/runner/", "^src/store/"],
  ["^src/spec/"],
  ["^src/layout/"],
  ["^src/errors\\.ts$"],
];

const everywhere = "^src/";

const upwards = floors.flatMap((rooms, level) =>
  rooms.map((room) => ({
    name: `only-downwards: ${room}`,
    severity: "error",
    from: { path: room },
    to: { path: floors.slice(0, level + 1).flat().filter((other) => other !== room) },
  })),
);

/** A file outside the rooms would be bound by no rule. */
const stray = { path: everywhere, pathNot: [...floors.flat(), "^src/config\\.ts$"] };
const strays = [
  { from: stray, to: {} },
  { from: {}, to: stray },
].map((rule) => ({ name: "every-module-has-a-floor", severity: "error", ...rule }));

/** A package and the one place that may know of it; the root makes the daemon's client and hands it in. */
const owned = [
  ["dockerode", "^src/(runner/|(serve|diagnose|bundling)\\.ts$|bundle/daemon\\.ts$)"],
  ["koa", "^src/http/"],
  ["@koa", "^src/http/"],
  ["better-sqlite3", "^src/store/"],
  ["simple-git", "^src/layout/"],
  ["archiver", "^src/build/package\\.ts$"],
  ["tar-stream", "^src/(backup|bundle|runner)/"],
];

const owners = owned.map(([name, place]) => ({
  name: `only-in-its-room: ${name}`,
  severity: "error",
  from: { path: everywhere, pathNot: place },
  to: { path: [`^${name}(/|$)`, `node_modules/${name}/`, `node_modules/@types/${name}/`] },
}));

/** @type {import("dependency-cruiser").IConfiguration} */
export default {
  forbidden: [
    { name: "no-circles", severity: "error", from: {}, to: { circular: true } },
    ...upwards.filter((rule) => rule.to.path.length > 0),
    ...owners,
    ...strays,
    {
      name: "configuration-at-the-top",
      comment: "Everybody else is handed the values it needs.",
      severity: "error",
      from: { path: everywhere, pathNot: ["^src/(main|serve|diagnose|bundling)\\.ts$", "^src/cli/"] },
      to: { path: "^src/config\\.ts$" },
    },
    {
      name: "configuration-knows-nobody",
      severity: "error",
      from: { path: "^src/config\\.ts$" },
      to: { path: everywhere, pathNot: ["^src/spec/", "^src/errors\\.ts$"] },
    },
    {
      name: "no-tools-in-the-product",
      severity: "error",
      from: { path: everywhere },
      to: { path: ["^test/", "^bench/", "^scripts/"] },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "require", "node", "default", "types"] },
  },
};
