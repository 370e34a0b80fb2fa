import type Router from "@koa/router";
import type { BuildAnswer, BuildService } from "../../build/service.ts";
import { readBody } from "../body.ts";
import { LargeBodies } from "../largeBodies.ts";
import { identifyRequester, type RequesterOptions } from "../requester.ts";

export interface LegacyParts {
  service: Pick<BuildService, "build">;
  requester: RequesterOptions;
}

/** Bytes; the predecessor's limit. */
const bodyLimit = 10 * 1024 * 1024;

/** Requests with large bodies at once; together they take some 150 MB. */
const largeAtOnce = 4;

/** `POST /` and `POST /download.php`: waits for the build and names the zip. A build that fails is a 200, too. */
export function legacyRoutes(router: Router, { service, requester }: LegacyParts): void {
  const largeBodies = new LargeBodies(largeAtOnce);

  router.post(["/", "/download.php"], async (ctx) => {
    const answer = await largeBodies.admit(ctx, async () => {
      const body = await readBody(ctx, bodyLimit);
      return service.build(body, identifyRequester(ctx.ip, ctx.get("User-Agent"), requester));
    });
    ctx.state.logger.info({ key: answer.key, cached: answer.cached, success: answer.success }, "answered");
    ctx.set("Cache-Control", "no-store");
    ctx.body = present(answer);
  });
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
