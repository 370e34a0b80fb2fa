# The server image. Builds run in containers of their own, on the daemon whose socket is mounted.

FROM node:24-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund

FROM dependencies AS build
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npx --no-install tsc -p tsconfig.build.json

# What the server needs at run time, and of that only what this platform can use:
# better-sqlite3 brings its C sources and a binary for each platform.
FROM dependencies AS modules
RUN npm prune --omit=dev --ignore-scripts --no-audit --no-fund \
 && cd node_modules \
 && rm -rf better-sqlite3/deps better-sqlite3/src \
 && find better-sqlite3/prebuilds -type f ! -name "linux-$(node -p process.arch).node" -delete \
 && find . -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.md' \) -delete \
 && find . -type d -empty -delete \
 && node -e 'new (require("better-sqlite3"))(":memory:").prepare("select 1").get()'

FROM node:24-bookworm-slim AS server
# git fetches layouts and reads their older revisions. It comes with Perl and manuals, which reading does not need.
RUN apt-get update \
 && apt-get install -y --no-install-recommends git ca-certificates \
 && dpkg --purge --force-depends git-man perl perl-modules-5.36 libperl5.36 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /usr/share/doc/git \
 && git --version \
 && install -d -o node -g node /var/lib/kiisrv /var/lib/kiisrv/data /var/lib/kiisrv/tmp_config /var/lib/kiisrv/tmp_builds
WORKDIR /app
ENV NODE_ENV=production \
    HOME=/tmp \
    KIISRV_PORT=3001 \
    KIISRV_DATA=/var/lib/kiisrv/data \
    KIISRV_TMP_CONFIG=/var/lib/kiisrv/tmp_config \
    KIISRV_TMP_BUILDS=/var/lib/kiisrv/tmp_builds
COPY scripts/entrypoint.sh scripts/healthcheck.ts scripts/load.sh scripts/
COPY scripts/kiisrv.sh /usr/local/bin/kiisrv
COPY --from=modules /app/node_modules node_modules
COPY package.json compose.prod.yaml ./
COPY schema schema
COPY layouts layouts
COPY --from=build /app/dist dist
ENV KIISRV_LAYOUTS_SEED=/app/synced/layouts
USER node
EXPOSE 3001
HEALTHCHECK --interval=15s --timeout=5s --start-period=10s CMD ["node", "/app/scripts/healthcheck.ts"]
ENTRYPOINT ["/app/scripts/entrypoint.sh"]
# bin/kiisrv says why this limit.
CMD ["node", "--max-semi-space-size=16", "--max-old-space-size=320", "/app/dist/main.js", "serve"]

# Layouts to serve until somebody syncs others. LAYOUTS_FROM is what `kiisrv layouts sync --from` takes, empty for none;
# scripts/server-image.sh turns a repository of this machine into layouts.bundle.
FROM server AS synced
USER root
ARG LAYOUTS_FROM=
ARG LAYOUTS_REF=
COPY package.json layouts.bundl[e] /tmp/
RUN mkdir /app/synced \
 && if [ -n "$LAYOUTS_FROM" ]; then \
      KIISRV_DATA=/app/synced node dist/main.js layouts sync --from "$LAYOUTS_FROM" ${LAYOUTS_REF:+--ref "$LAYOUTS_REF"}; \
    fi

FROM server
COPY --from=synced /app/synced synced
