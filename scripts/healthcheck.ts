// The HEALTHCHECK of the server image: exit 0 if the server in this container says that it is alive.
const { KIISRV_HOST: host = "", KIISRV_PORT: port = "3001" } = process.env;
const anywhere = ["", "0.0.0.0", "::", "[::]"].includes(host);
// `localhost` is tried as IPv6 and as IPv4; an address of IPv6 needs brackets in a URL.
const name = anywhere ? "localhost" : host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
const answer = await fetch(`http://${name}:${port}/healthz`, { signal: AbortSignal.timeout(4000) });
process.exit(answer.ok ? 0 : 1);
