import type Router from "@koa/router";
import type { Logger } from "pino";
import type { BuildAnswer, BuildService } from "../../build/service.ts";
import type { AuditLog } from "../../store/audit.ts";
import { readBody } from "../body.ts";
import { callerOf } from "../callers.ts";
import type { Door } from "../door.ts";
import { LargeBodies } from "../largeBodies.ts";
import { withinBudgets } from "../rates.ts";

export interface LegacyParts {
  service: Pick<BuildService, "build">;
  audit: Pick<AuditLog, "add">;
}

export type LegacyDoor = Pick<Door, "rates" | "draining">;

/** Bytes; the predecessor's limit. */
const bodyLimit = 10 * 1024 * 1024;

/** Requests with large bodies at once, in all and of one client; four take some 150 MB together. */
const largeAtOnce = { most: 4, perClient: 2 };

/** `POST /` and `POST /download.php`: waits for the build and names the zip. A build that fails is a 200, too. */
export function legacyRoutes(router: Router, { service, audit }: LegacyParts, door: LegacyDoor): void {
  const largeBodies = new LargeBodies(largeAtOnce);

  router.post(["/", "/download.php"], async (ctx) => {
    const { requester, name } = callerOf(ctx);
    const answer = await withinBudgets(ctx, door.rates, (admission) =>
      largeBodies.admit(ctx, async () =>
        service.build(await readBody(ctx, bodyLimit), requester, {
          ...admission,
          run() {
            door.draining.assertOff();
            admission.run();
          },
        }),
      ),
    );
    if (!answer.cached) record(ctx.state.logger, audit, name, answer.fileName);
    ctx.state.logger.info({ key: answer.key, cached: answer.cached, success: answer.success }, "answered");
    ctx.set("Cache-Control", "no-store");
    ctx.body = present(answer);
  });
}

/** That a build cannot be written down must not cost anybody their firmware. */
function record(logger: Logger, audit: LegacyParts["audit"], who: string, what: string): void {
  try {
    audit.add({ event: "build", who, what });
  } catch (error) {
    logger.error({ err: error }, "a build cannot be written to the audit log");
  }
}

/** The first two members are those of the predecessor; the others disturb no client. */
function present({ fileName, success, outcome, warnings }: BuildAnswer) {
  const { reason, errors, size } = outcome;
  return {
    filename: `./tmp/${fileName}`,
    success,
    ...(success ? {} : { reason, errors }),
    ...(size ? { size } : {}),
    ...(warnings.length > 0 ? { warnings } : {}),
  };
}
