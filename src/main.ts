#!/usr/bin/env node
import { dispatch } from "./cli/dispatch.ts";
import { plan } from "./cli/plan.ts";
import { serve } from "./serve.ts";

process.exitCode = await dispatch(process.argv.slice(2), [serve, plan], {
  environment: process.env,
  output: (line) => process.stdout.write(`${line}\n`),
  report: (line) => process.stderr.write(`${line}\n`),
});
