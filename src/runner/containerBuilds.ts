import { type ConnectionSettings, connectDaemon } from "./connect.ts";
import { Containers } from "./containers.ts";
import { defaultPatience } from "./daemon.ts";

/**
 * The ids of builds, and of what waits for builds, that have a container on the daemon, whichever server's.
 * @throws Problem `runner-unavailable`
 */
export async function buildsInContainers(settings: ConnectionSettings): Promise<Set<string>> {
  const listed = await new Containers(connectDaemon(settings).docker, defaultPatience).list();
  return new Set(listed.map(({ build }) => build));
}
