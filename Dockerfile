# The controller and its commands: production packages and the sources, on Node without shell or package manager.
# Pin both base images by digest where you build for others.
FROM --platform=$BUILDPLATFORM node:24-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The packages are the same for every architecture: nothing is compiled, and what is optional is for tests.
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

FROM gcr.io/distroless/nodejs24-debian12:nonroot
LABEL org.opencontainers.image.title="K8 Highlander" \
  org.opencontainers.image.description="Keeps singleton workloads running on Kubernetes: exactly one while healthy, never two" \
  org.opencontainers.image.licenses="MIT"
WORKDIR /app
COPY --from=packages /app/node_modules ./node_modules
COPY package.json ./
COPY src ./src
USER 65532:65532
EXPOSE 8080
# Exec form: signals reach the controller. Flags alone, as `--config PATH`, are the controller's, too.
ENTRYPOINT ["/nodejs/bin/node", "--max-semi-space-size=8", "--no-parallel-scavenge", "--expose-gc", "/app/src/main.ts"]
CMD ["run"]
