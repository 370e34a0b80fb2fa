import { type ControllerVersion, controllerImage } from "./versions.ts";

/** Where a build fetches its sources from. */
export interface SourceAddresses {
  /** Left out: what the Dockerfile says. */
  controller?: string;
  hidLayouts?: string;
  /** Whether one of them is on this machine's loopback, which a build reaches only on the network of its host. */
  onLoopback: boolean;
}

/** Passed on by name only, so that whatever is in their addresses is not in the process list. */
const passedOn = [
  ...["http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"],
  "PIP_INDEX_URL",
];

type Environment = Readonly<Record<string, string | undefined>>;

/** What all versions have in common, as an image of its own. */
export const sharedImage = "kiisrv-toolchain";

/** The command that builds what all versions share. It goes first: builds side by side would each make their own. */
export function sharedCommand(sources: SourceAddresses, environment: Environment): string[] {
  return [...docker(sources, environment), "--target", "toolchain", "--tag", sharedImage, context];
}

/** The command that builds the image of a version. */
export function versionCommand(
  version: ControllerVersion,
  sources: SourceAddresses,
  environment: Environment,
): string[] {
  const { tag, kll, commits, commit, date } = version;
  const values = {
    TAG: tag,
    KLL: kll,
    COMMITS: commits,
    COMMIT: commit,
    DATE: date,
    NOTES: `https://github.com/kiibohd/controller/releases/tag/${tag}`,
    CONTROLLER_REPOSITORY: sources.controller,
    HID_LAYOUTS_REPOSITORY: sources.hidLayouts,
  };
  const given = Object.entries(values).filter(([, value]) => value !== undefined);
  return [
    ...docker(sources, environment),
    ...["--tag", controllerImage(version)],
    ...given.flatMap(([name, value]) => ["--build-arg", `${name}=${value}`]),
    context,
  ];
}

const context = "controllers";

function docker({ onLoopback }: SourceAddresses, environment: Environment): string[] {
  const names = passedOn.filter((name) => environment[name]);
  return [
    ...["docker", "build", "--force-rm", "--file", `${context}/kiibohd/Dockerfile`],
    ...(onLoopback ? ["--network", "host"] : []),
    ...names.flatMap((name) => ["--build-arg", name]),
  ];
}
