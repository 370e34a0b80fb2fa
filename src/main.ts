#!/usr/bin/env node
import { buffer } from "node:stream/consumers";
import { dispatch } from "./cli/dispatch.ts";
import { layouts } from "./cli/layouts.ts";
import { plan } from "./cli/plan.ts";
import { serve } from "./cli/serve.ts";

process.exitCode = await dispatch(process.argv.slice(2), [serve(() => import("./serve.ts")), plan, layouts], {
  environment: process.env,
  input: () => buffer(process.stdin),
  output: (line) => process.stdout.write(`${line}\n`),
  report: (line) => process.stderr.write(`${line}\n`),
});
