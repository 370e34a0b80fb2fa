import { join, relative } from "node:path";

/** A place of the daemon's machine that is mounted into the container this process runs in. */
export interface Mount {
  /** Where the daemon has it. */
  Source: string;
  /** Where this process sees it. */
  Destination: string;
}

/** What Docker and Podman call a container from inside, unless somebody named it otherwise: the start of its id. */
const ownName = /^[0-9a-f]{12,64}$/;

/** Whether a machine's name may be the id of the container it is; nothing else is looked up, for it may be anybody's name. */
export function mayBeContainer(hostname: string): boolean {
  return ownName.test(hostname);
}

/** A directory of this process as the daemon sees it: by the nearest mount it lies in, or the same where there is none. */
export function asDaemonSees(path: string, mounts: readonly Mount[]): string {
  const around = mounts.filter(({ Destination: at }) => path === at || path.startsWith(join(at, "/")));
  const nearest = around.sort((one, other) => other.Destination.length - one.Destination.length)[0];
  return nearest === undefined ? path : join(nearest.Source, relative(nearest.Destination, path));
}
