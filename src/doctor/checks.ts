import type { Check } from "./check.ts";
import { configuration } from "./checks/configuration.ts";
import { daemon } from "./checks/daemon.ts";
import { databases } from "./checks/databases.ts";
import { images } from "./checks/images.ts";
import { layouts } from "./checks/layouts.ts";
import { machine } from "./checks/machine.ts";
import { network } from "./checks/network.ts";
import { paths } from "./checks/paths.ts";
import { sandbox } from "./checks/sandbox.ts";
import { storage } from "./checks/storage.ts";

/** All checks, in the order in which they are shown: what others depend on comes first. */
export const checks: readonly Check[] = [
  ...configuration,
  ...daemon,
  ...images,
  ...paths,
  ...sandbox,
  ...storage,
  ...databases,
  ...layouts,
  ...network,
  ...machine,
];
