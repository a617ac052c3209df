# shellcheck shell=bash
# shellcheck disable=SC2154 # the variables are those of compose-test
# Finds or starts what runs containers: Compose v2, and an engine. Sourced by compose-test.

# Compose of this version is built where Docker's command has none.
COMPOSE_VERSION=v2.40.3

find_compose() {
  have docker || install_packages docker.io
  ! docker compose version >/dev/null 2>&1 || return 0
  local program=$CACHE/docker-compose
  if [ ! -x "$program" ]; then
    say "Building Compose $COMPOSE_VERSION from its Go module"
    have go || install_packages golang-go
    # `go install` refuses a module with exclusions, so it is built in its own folder.
    local module
    module=$(cd "$work" && go mod download -json "github.com/docker/compose/v2@$COMPOSE_VERSION" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
    (cd "${module:?}" && go build -trimpath -o "$program.new" ./cmd) || die "Compose could not be built"
    mv "$program.new" "$program"
  fi
  mkdir -p "$work/docker/cli-plugins"
  ln -sf "$program" "$work/docker/cli-plugins/docker-compose"
  export DOCKER_CONFIG=$work/docker
}

# Uses the engine that is there. Otherwise starts one with data of its own, in a network namespace of its own: it
# reaches nothing, nothing outside reaches it, and the rules of this machine's network stay as they are.
in_engine_network=(env)
find_engine() {
  if docker info >/dev/null 2>&1; then
    say "Using the engine that runs here"
    return
  fi
  [ "$(id -u)" -eq 0 ] || die "no engine runs here, and only root can start one"
  have dockerd || install_packages docker.io
  have iptables || install_packages iptables
  have ip || install_packages iproute2
  namespace=latchkey-$$
  engine=$work/engine
  mkdir -p "$engine"
  ip netns add "$namespace"
  in_engine_network=(nsenter "--net=/run/netns/$namespace")
  "${in_engine_network[@]}" ip link set lo up
  "${in_engine_network[@]}" sysctl -qw net.ipv4.ip_forward=1 || true
  cat >"$engine/daemon.json" <<'JSON'
{"default-address-pools": [{"base": "172.30.0.0/16", "size": 24}], "log-level": "warn"}
JSON
  say "Starting an engine"
  "${in_engine_network[@]}" dockerd --config-file "$engine/daemon.json" --data-root "$CACHE/engine" --exec-root "$engine/exec" \
    --pidfile "$engine/pid" --host "unix://$engine/socket" >"$engine/log" 2>&1 &
  export DOCKER_HOST=unix://$engine/socket
  local try
  for try in $(seq 1 60); do
    ! docker info >/dev/null 2>&1 || return 0
    sleep 1
  done
  tail -n 5 "$engine/log" >&2
  die "the engine did not start after $try s"
}

stop_engine() {
  [ -n "${engine:-}" ] || return 0
  [ ! -f "$engine/pid" ] || kill "$(cat "$engine/pid")" 2>/dev/null || true
  for _ in $(seq 1 20); do
    [ -f "$engine/pid" ] || break
    sleep 1
  done
  ip netns delete "$namespace" 2>/dev/null || true
}

# Whether a container runs, with a network as docker-compose.yml has them.
container_runs() {
  local network=latchkey-test-$$ status=0
  local image=${REDIS_IMAGE:-redis:7.4.5-bookworm}
  docker network create --internal "$network" >/dev/null || return
  docker run --rm --init --read-only --memory 64m --pids-limit 64 --network "$network" --entrypoint /bin/true "$image" || status=$?
  docker network rm "$network" >/dev/null 2>&1 || true
  return "$status"
}
