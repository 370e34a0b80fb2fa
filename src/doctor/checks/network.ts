import { isIP } from "node:net";
import { type Check, check, fail, ok, skip, warn } from "../check.ts";
import { shellWord } from "../text.ts";

export const network: Check[] = [
  check({
    id: "network.port",
    title: "the port is free, or our server's",
    why: "A server that cannot listen does not start.",
    needs: ["port", "configuration"],
    judge({ port: { state, detail, spare }, configuration: { settings } }) {
      const at = `${settings.host || "any address"}, port ${settings.port}`;
      if (state === "free") return ok(`${at}: free`);
      if (state === "kiisrv") return ok(`${at}: a kiisrv answers`);
      if (state === "taken") {
        return fail(
          `${at}: ${detail}`,
          `sudo ss -ltnp 'sport = :${settings.port}' shows who; stop that, or take another port:\nKIISRV_PORT=${spare}`,
        );
      }
      if (detail.includes("EACCES"))
        return fail(`${at}: ${detail}`, `KIISRV_PORT=${spare} (below 1024 is root's), and a proxy in front`);
      return fail(
        `${at}: ${detail}`,
        "KIISRV_HOST=   (empty: every address), or an address of this machine: ip -brief address",
      );
    },
  }),
  check({
    id: "network.ipv6",
    title: "clients reach the server by IPv6 and IPv4",
    why: "Behind an address of one kind, clients of the other see nothing.",
    needs: ["port", "configuration"],
    judge({
      port: { ipv6 },
      configuration: {
        settings: { host },
      },
    }) {
      if (isIP(host.replace(/^\[|\]$/g, "")) === 4) return ok(`IPv4 alone, as KIISRV_HOST=${host} says`);
      if (ipv6) return ok(host === "" ? "it listens on ::" : `as KIISRV_HOST=${host} says`);
      return warn(
        "this machine lets nobody listen on ::",
        "sudo sysctl -w net.ipv6.conf.all.disable_ipv6=0; in Docker: enable_ipv6 for the network",
      );
    },
  }),
  check({
    id: "network.proxies",
    title: "clients cannot choose their address",
    why: "With trusted proxies, X-Forwarded-For tells who asks. Who reaches the port past the proxy then is whoever he says.",
    needs: ["configuration", "process"],
    judge({
      configuration: {
        settings: { host, trustedProxies },
      },
      process: { inContainer },
    }) {
      if (trustedProxies === 0) return ok("no proxy is trusted");
      const proxies =
        typeof trustedProxies === "number" ? `${trustedProxies} hops` : trustedProxies.join(", ");
      const reachable = !inContainer && !["127.0.0.1", "::1", "[::1]", "localhost"].includes(host);
      if (typeof trustedProxies !== "number" || !reachable) return ok(`trusted: ${proxies}`);
      return warn(
        `${proxies} trusted, and the port is open to all on ${host || "every address"}`,
        "KIISRV_HOST=::1   (a proxy on this machine), or name the proxies: KIISRV_TRUSTED_PROXIES=ADDRESS",
      );
    },
  }),
  check({
    id: "network.clients",
    title: "clients of IPv6 can be told apart",
    why: "Docker before 27 hides their addresses from containers if its ip6tables is off: limits of rate and queue then take all for one client.",
    needs: ["configuration", "daemon", "process"],
    judge({
      configuration: {
        settings: { trustedProxies },
      },
      daemon: { name, version, experimental },
      process: { inContainer },
    }) {
      if (!inContainer) return ok("the server is in no container");
      // Compose trusts the networks of its own proxy, which is in a container, too.
      if (typeof trustedProxies === "number" && trustedProxies > 0) return ok("a proxy tells who asks");
      if (name !== "Engine") return skip(`not known of ${name || "this daemon"}`);
      if (Number.parseInt(version, 10) >= 27) return ok(`Docker ${version} has ip6tables on by itself`);
      if (experimental) return ok(`Docker ${version} with experimental features, as its ip6tables needs`);
      return warn(
        `Docker ${version} without experimental features, which its ip6tables needs`,
        'in /etc/docker/daemon.json: { "experimental": true, "ip6tables": true }\nsudo systemctl restart docker',
      );
    },
  }),
  check({
    id: "network.public",
    title: "the address that clients use leads here",
    why: "A proxy that does not pass requests on, or passes them to something else, looks like a dead server.",
    needs: ["publicly"],
    judge({ publicly: { url, error, requestIdKept } }) {
      if (url === null) return skip("no address was named: kiisrv doctor --url URL");
      if (error !== null)
        return fail(
          `${url}: ${error}`,
          `curl --verbose ${shellWord(`${url}/healthz`)} shows where it ends; the proxy must pass requests to the port of KIISRV_PORT`,
        );
      if (!requestIdKept)
        return warn(
          `${url} answers, but X-Request-Id does not get through`,
          "let the proxy pass request headers on and answers' headers back: the log is searched by them",
        );
      return ok(`${url} answers`);
    },
  }),
];
