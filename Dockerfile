# Partway as a container: serves S3 on 9000, objects in /data, state in /state (docs/deployment.md).
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /build/partway
COPY package.json package-lock.json ./
# Nothing used here needs its install script. The compiler goes one level up, where it is found and not shipped: all of
# the development dependencies would be ten times as much to fetch.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
 && npm install --prefix /build --no-save --no-audit --no-fund $(node -p \
      "const { devDependencies: d } = require('./package.json'); ['typescript', '@types/node'].map((n) => n + '@' + d[n]).join(' ')") \
 && find node_modules -type f \( -name '*.map' -o -name '*.md' \) -delete
COPY tsconfig.json tsconfig.build.json ./
COPY src src
COPY adapters adapters
RUN npm run build && chmod +x dist/src/main.js \
 && find node_modules -type f \( -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' \) -delete

FROM ${NODE_IMAGE}
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Partway" \
      org.opencontainers.image.description="S3 gateway for a local directory, Azure block blobs and Google Cloud Storage" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV NODE_ENV=production \
    PARTWAY_LISTEN=0.0.0.0:9000 \
    PARTWAY_FS_ROOT=/data \
    PARTWAY_STATE_DIR=/state
# Volumes take over the owner of the directory they are mounted on.
RUN mkdir /data /state /etc/partway \
 && chown 1000:1000 /data /state \
 && ln -s /opt/partway/dist/src/main.js /usr/local/bin/partway
COPY --from=build /build/partway/node_modules /opt/partway/node_modules
COPY LICENSE /opt/partway/
COPY docker/healthcheck.mjs /opt/partway/docker/
COPY --from=build /build/partway/package.json /opt/partway/
COPY --from=build /build/partway/dist /opt/partway/dist
# Where `partway.yaml` is looked for.
WORKDIR /etc/partway
# By number, so that Kubernetes can see that it is not root.
USER 1000:1000
EXPOSE 9000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "/opt/partway/docker/healthcheck.mjs"]
# Node itself is process 1 and gets the signals.
ENTRYPOINT ["node", "/opt/partway/dist/src/main.js"]
CMD ["serve"]
