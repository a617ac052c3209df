# syntax=docker/dockerfile:1
# One image for each service, and the gateway:
#   docker build --target auth-service -t localhost/latchkey/auth-service .
#   docker build --target todo-service -t localhost/latchkey/todo-service .
#   docker build --target gateway      -t localhost/latchkey/gateway .

# ./scripts/pin-images writes these with digests into .env, where docker-compose.yml takes them from.
ARG RUST_IMAGE=rust:1.95-bookworm
ARG DEBIAN_IMAGE=debian:bookworm-slim
ARG CADDY_IMAGE=caddy:2.11.9

# --- Build ----------------------------------------------------------------------------------------------------------
FROM ${RUST_IMAGE} AS chef
ARG CARGO_CHEF_VERSION=0.1.78
# The feature `postgres-tls` links libpq with the system's OpenSSL.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libssl-dev pkg-config \
    && rm -rf /var/lib/apt/lists/* \
    && cargo install cargo-chef --version "${CARGO_CHEF_VERSION}" --locked
WORKDIR /src

# A recipe holds the manifests and the lock file, so it stays the same when only sources change.
FROM chef AS planner
COPY . .
RUN cargo chef prepare --recipe-path recipe.json

# The dependencies first: this layer is built again only when the recipe changes.
FROM chef AS build
COPY --from=planner /src/recipe.json recipe.json
RUN cargo chef cook --release --locked --recipe-path recipe.json -p auth-service -p todo-service \
    --features auth-service/postgres-tls,todo-service/postgres-tls
# Then the workspace's crates.
COPY . .
RUN cargo build --release --locked -p auth-service -p todo-service \
        --features auth-service/postgres-tls,todo-service/postgres-tls \
    && target/release/auth-service --version \
    && target/release/todo-service --version

# --- What both services run on --------------------------------------------------------------------------------------
FROM ${DEBIAN_IMAGE} AS base
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libssl3 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 65532 latchkey \
    && useradd --system --uid 65532 --gid latchkey --home-dir /var/lib/latchkey --shell /usr/sbin/nologin latchkey \
    # The default place of SQLite databases and of the key file: mount a volume here.
    && install -d -o latchkey -g latchkey -m 0700 /var/lib/latchkey /var/lib/latchkey/data /var/lib/latchkey/data/mail
COPY LICENSE /usr/share/doc/latchkey/LICENSE
WORKDIR /var/lib/latchkey
USER 65532:65532
STOPSIGNAL SIGTERM
# glibc returns the memory of large buffers (bytes, here from 128 KiB) to the system when they are freed. By default it
# raises this limit to the largest buffer that it saw, and then keeps most of what a burst of large responses needed.
ENV MALLOC_MMAP_THRESHOLD_=131072
LABEL org.opencontainers.image.vendor="The Latchkey authors" \
      org.opencontainers.image.licenses="MIT"

# --- auth-service ---------------------------------------------------------------------------------------------------
FROM base AS auth-service
LABEL org.opencontainers.image.title="latchkey/auth-service" \
      org.opencontainers.image.description="Users, sessions, RS256 tokens, key set, revocation list"
COPY --from=build /src/target/release/auth-service /usr/local/bin/auth-service
# Whose the list of common passwords is that the program contains.
COPY auth-service/passwords/README.md /usr/share/doc/latchkey/common-passwords.md
ENV AUTH__HTTP__BIND=0.0.0.0:8000
EXPOSE 8000
HEALTHCHECK --interval=3s --timeout=6s --start-period=60s --retries=5 CMD ["auth-service", "healthcheck"]
ENTRYPOINT ["auth-service"]
CMD ["serve"]

# --- todo-service ---------------------------------------------------------------------------------------------------
FROM base AS todo-service
LABEL org.opencontainers.image.title="latchkey/todo-service" \
      org.opencontainers.image.description="A resource server: todos, with tokens verified offline"
COPY --from=build /src/target/release/todo-service /usr/local/bin/todo-service
ENV TODO__HTTP__BIND=0.0.0.0:8001
EXPOSE 8001
HEALTHCHECK --interval=3s --timeout=6s --start-period=60s --retries=5 CMD ["todo-service", "healthcheck"]
ENTRYPOINT ["todo-service"]
CMD ["serve"]

# --- The gateway ----------------------------------------------------------------------------------------------------
FROM ${CADDY_IMAGE} AS gateway
LABEL org.opencontainers.image.title="latchkey/gateway" \
      org.opencontainers.image.description="Both services on one origin" \
      org.opencontainers.image.vendor="The Latchkey authors" \
      org.opencontainers.image.licenses="MIT"
COPY deploy/Caddyfile /etc/caddy/Caddyfile
COPY deploy/gateway/start.sh /usr/local/bin/start-gateway
# Certificates are stored here. A new volume gets the owner of this folder, which is the user that runs Caddy.
ENV XDG_DATA_HOME=/var/lib/caddy/data XDG_CONFIG_HOME=/var/lib/caddy/config
RUN mkdir -p /var/lib/caddy/data /var/lib/caddy/config && chown -R 65532:65532 /var/lib/caddy
USER 65532:65532
EXPOSE 80 443 8080
ENTRYPOINT ["start-gateway"]
CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]
