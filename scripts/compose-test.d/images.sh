# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034 # the variables are those of compose-test
# The images of the test. Where a registry can be reached, everything is as in production. Elsewhere the images that ours
# are based on are made from Debian's packages, and the stages of our Dockerfile that compile are replaced by programs
# that were compiled here; the other stages are used as they are. Sourced by compose-test.

# Sets `official` to yes or no, and then the variables with which docker-compose.yml and Dockerfile name other images.
find_base_images() {
  official=no runner_image=localhost/latchkey-test/debian
  if [ -z "${namespace:-}" ] && docker pull -q redis:7.4.5-bookworm >/dev/null 2>&1; then
    official=yes runner_image=debian:bookworm-slim
    say "Using the official images"
    return
  fi
  say "No registry can be reached: base images are made from Debian's packages (PostgreSQL and Redis of Debian, Caddy from its Go module)"
  have debootstrap || install_packages debootstrap
  base_image debian bookworm ca-certificates,libssl3,redis-server,wget
  base_image postgres trixie postgresql
  caddy_image
  export POSTGRES_IMAGE=localhost/latchkey-test/postgres REDIS_IMAGE=localhost/latchkey-test/debian
}

# Debian's Caddy is too old, so the version that the Dockerfile names is built from its Go module.
caddy_image() {
  local version program
  version=$(sed -n 's/^ARG CADDY_IMAGE=caddy:\([0-9.]*\)$/\1/p' Dockerfile)
  program=$CACHE/caddy-${version:?the Dockerfile names no version of Caddy}
  if [ ! -x "$program" ]; then
    say "Building Caddy $version from its Go module"
    have go || install_packages golang-go
    GOBIN=$work/caddy go install "github.com/caddyserver/caddy/v2/cmd/caddy@v$version" || die "Caddy could not be built"
    mv "$work/caddy/caddy" "$program"
  fi
  mkdir -p "$work/caddy"
  cp "$program" "$work/caddy/caddy"
  printf 'FROM localhost/latchkey-test/debian\nCOPY caddy /usr/bin/caddy\n' >"$work/caddy/Dockerfile"
  DOCKER_BUILDKIT=0 docker build -q -t localhost/latchkey-test/caddy "$work/caddy" >/dev/null 2>&1 || die "docker build failed"
}

base_image() { # NAME RELEASE PACKAGES
  local name=localhost/latchkey-test/$1 root=$CACHE/root-$1
  docker image inspect "$name" >/dev/null 2>&1 && return
  rm -rf "$root"
  debootstrap --variant=minbase --include="$3" "$2" "$root" >"$work/debootstrap-$1.log" 2>&1 ||
    die "debootstrap failed: $(tail -n 3 "$work/debootstrap-$1.log")"
  # The users of the official images.
  chroot "$root" sh -c 'getent passwd redis >/dev/null && usermod -u 999 redis; getent passwd postgres >/dev/null && groupmod -g 999 postgres && usermod -u 999 postgres; true' 2>/dev/null
  mkdir -p "$root/data" "$root/var/lib/postgresql/data" "$root/docker-entrypoint-initdb.d"
  chown 999:999 "$root/data" "$root/var/lib/postgresql/data"
  local change=()
  if [[ $1 = postgres* ]]; then
    cp scripts/compose-test.d/postgres-entrypoint "$root/usr/local/bin/docker-entrypoint.sh"
    chmod 0755 "$root/usr/local/bin/docker-entrypoint.sh"
    change=(--change 'ENTRYPOINT ["docker-entrypoint.sh"]' --change 'ENV PGDATA=/var/lib/postgresql/data')
  fi
  tar -C "$root" --exclude=./var/cache/apt/archives/*.deb -cf - . | docker import "${change[@]}" - "$name" >/dev/null
  rm -rf "$root"
}

# Builds our three images under this version.
build_images() { # VERSION FOLDER-WITH-PROGRAMS
  local service
  if [ "$official" = yes ]; then
    LATCHKEY_VERSION=$1 compose build
    return
  fi
  local context=$work/context-$1
  rm -rf "$context" && mkdir -p "$context/bin" "$context/auth-service/passwords"
  cp "$2/auth-service" "$2/todo-service" "$context/bin/"
  cp -R LICENSE deploy "$context/"
  cp auth-service/passwords/README.md "$context/auth-service/passwords/"
  # Without the stages that compile, and without the packages that the base image has already.
  sed -e '/^# --- Build/,/^# --- What both services run on/d' -e 's|COPY --from=build /src/target/release/|COPY bin/|' \
    -e '/^RUN apt-get update/,/^    && rm -rf/d' -e 's|^    && groupadd --system|RUN groupadd --system|' Dockerfile \
    >"$context/Dockerfile.body"
  grep -q '^COPY bin/auth-service' "$context/Dockerfile.body" || die "the Dockerfile has other stages than this test knows"
  {
    echo 'ARG DEBIAN_IMAGE=localhost/latchkey-test/debian'
    echo 'ARG CADDY_IMAGE=localhost/latchkey-test/caddy'
    grep -vE '^# syntax=|^ARG (RUST|DEBIAN|CADDY)_IMAGE=' "$context/Dockerfile.body"
  } >"$context/Dockerfile"
  for service in auth-service todo-service gateway; do
    DOCKER_BUILDKIT=0 docker build -q --target "$service" -t "localhost/latchkey/$service:$1" "$context" \
      >"$work/build.log" 2>&1 || die "docker build: $(tail -n 5 "$work/build.log")"
  done
}
