import type { Middleware } from "koa";

/**
 * What an answer of this API tells browsers: it is data, not a page, and any site may read it (configurators are served
 * from other origins, so Cross-Origin-Resource-Policy is open as CORS is). A route that serves pages sets its own policy.
 */
const always = {
  "Content-Security-Policy":
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "Cross-Origin-Resource-Policy": "cross-origin",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
};

/**
 * Puts the security headers on every answer.
 * @param hstsSeconds how long browsers are to come by TLS only, told to those that came by TLS; 0: not told
 */
export function secureHeaders(hstsSeconds: number): Middleware {
  return (ctx, next) => {
    ctx.set(always);
    if (hstsSeconds > 0 && ctx.state.secure) ctx.set("Strict-Transport-Security", `max-age=${hstsSeconds}`);
    return next();
  };
}
