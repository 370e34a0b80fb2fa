import type { BuildStore } from "../store/builds.ts";
import type { ImageCatalog } from "./catalog.ts";
import type { DiskGuard } from "./diskGuard.ts";

/** How old what was seen of the daemon may be, milliseconds: less than for builds, as this is asked to notice. */
const catalogAge = 1000;

/** What a build needs to be there: each check says what is missing, or nothing. */
export function readinessChecks(
  builds: BuildStore,
  catalog: ImageCatalog,
  disk: Pick<DiskGuard, "reason">,
): Record<"database" | "daemon" | "images" | "disk", () => Promise<string | undefined>> {
  return {
    async database() {
      return (
        complaint("the database cannot be read", () => builds.recent(1)) ??
        complaint("the database cannot be written", () => builds.assertWritable())
      );
    },
    async daemon() {
      await catalog.refresh(catalogAge);
      return catalog.lastFault?.message;
    },
    async images() {
      await catalog.refresh(catalogAge);
      return catalog.all().length > 0 ? undefined : "no image kiisrv-controller-* is installed";
    },
    disk: () => disk.reason(),
  };
}

function complaint(what: string, attempt: () => unknown): string | undefined {
  try {
    attempt();
    return undefined;
  } catch (error) {
    return `${what}: ${error instanceof Error ? error.message : String(error)}`;
  }
}
