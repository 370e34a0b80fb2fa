#!/usr/bin/env node
import { buffer } from "node:stream/consumers";
import { audit } from "./cli/audit.ts";
import { backup } from "./cli/backup.ts";
import { bundle } from "./cli/bundle.ts";
import { dispatch } from "./cli/dispatch.ts";
import { doctor } from "./cli/doctor.ts";
import { gc } from "./cli/gc.ts";
import { keys } from "./cli/keys.ts";
import { layouts } from "./cli/layouts.ts";
import { plan } from "./cli/plan.ts";
import { restore } from "./cli/restore.ts";
import { serve } from "./cli/serve.ts";
import { version } from "./cli/version.ts";

// Whoever reads what we print may have seen enough (`| head`).
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

process.exitCode = await dispatch(
  process.argv.slice(2),
  [
    serve(() => import("./serve.ts")),
    plan,
    layouts,
    backup,
    restore,
    gc(() => import("./runner/containerBuilds.ts")),
    doctor(() => import("./diagnose.ts")),
    keys,
    audit,
    bundle(() => import("./bundling.ts"), process.stderr),
    version,
  ],
  {
    environment: process.env,
    input: () => buffer(process.stdin),
    output: (line) => process.stdout.write(`${line}\n`),
    report: (line) => process.stderr.write(`${line}\n`),
  },
);

// All is done and said. Nobody waits for an answer that may never come: of a Docker daemon that hangs, say.
setTimeout(() => process.exit(), 1000).unref();
