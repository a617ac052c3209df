# shellcheck shell=bash
# shellcheck disable=SC2154 # the variables are those of compose-test
# What happens to a deployment, under load. Sourced by compose-test.

# Runs a command, waits until what it caused is over, and notes when that was. ALLOWED is a number of failed requests, or
# seconds of outage, such as 1s.
event() { # ALLOWED NAME COMMAND…
  local allowed=$1 name=$2 begin status
  shift 2
  say "== $name"
  begin=$(date +%s.%N)
  # In a condition, bash would ignore `set -e` within the command.
  set +e
  (
    set -e
    "$@"
  ) >"$work/event.log" 2>&1
  status=$?
  set -e
  [ "$status" -eq 0 ] || {
    tail -n 30 "$work/event.log" >&2
    die "$name: failed"
  }
  sleep 8
  printf '%s\t%s\t%s\t%s\n' "$begin" "$(date +%s.%N)" "$allowed" "$name" >>"$work/events"
}

start_load() {
  "${in_engine_network[@]}" python3 scripts/compose-test.d/load.py "$origin" "$work/requests" 2>"$work/load.log" &
  load=$!
  for _ in $(seq 1 300); do
    [ ! -s "$work/requests" ] || return 0
    kill -0 "$load" 2>/dev/null || die "the load ended: $(tail -n 3 "$work/load.log")"
    sleep 0.1
  done
  die "no request was sent"
}

stop_load() {
  kill "$load" 2>/dev/null || true
  wait "$load" 2>/dev/null || true
  load=
}

first_start() {
  say "== first start"
  local began=$SECONDS
  compose up -d --no-build --quiet-pull >"$work/event.log" 2>&1 || {
    tail -n 20 "$work/event.log" >&2
    compose logs --tail 8 >&2
    die "the first start failed"
  }
  wait_ready 60
  say "first start: $((SECONDS - began)) s"
}

answers() { "${in_engine_network[@]}" curl -fsS -o /dev/null --max-time 5 "$origin$1"; }

wait_ready() { # SECONDS
  local deadline=$((SECONDS + $1))
  until answers /.well-known/jwks.json 2>/dev/null; do
    [ $SECONDS -lt $deadline ] || die "the gateway does not answer after $1 s"
    sleep 0.2
  done
}

first_container() { compose ps -q "$1" | sed -n 1p; }

# As a crash does it: `docker kill` would count as the operator's wish, and nothing would be started again.
crash() { # SERVICE…
  local service pids=()
  for service in "$@"; do
    pids+=("$(docker inspect -f '{{.State.Pid}}' "$(first_container "$service")")")
  done
  kill -9 "${pids[@]}"
  sleep 1
  wait_healthy_all
}

crash_everything() {
  local pids before ours
  before=$(restarts)
  ours=$(compose ps -q auth-service todo-service | wc -l)
  # shellcheck disable=SC2046 # one word for each container
  mapfile -t pids < <(docker inspect -f '{{.State.Pid}}' $(compose ps -q))
  kill -9 "${pids[@]}"
  sleep 1
  wait_healthy_all
  # The engine starts each service once, and the service waits for its database.
  compose logs --since 60s auth-service todo-service | grep -E 'database\.(waiting|works)|"error: ' || true
  [ "$(restarts)" = $((before + ours)) ]
}

wait_healthy_all() {
  local deadline=$((SECONDS + 120))
  # shellcheck disable=SC2046 # one word for each container
  until ! docker inspect -f '{{.State.Status}} {{.State.Health.Status}}' $(compose ps -aq) | grep -vx 'running healthy' >/dev/null; do
    [ $SECONDS -lt $deadline ] || {
      compose ps -a
      return 1
    }
    sleep 0.5
  done
}

scale() { # COUNT: of both services, up, or down one by one
  local service old
  for service in auth-service todo-service; do
    mapfile -t old < <(compose ps -q "$service")
    if [ "$1" -ge ${#old[@]} ]; then
      compose up -d --no-deps --no-recreate --no-build --scale "$service=$1" "$service"
    else
      stops_in_time "${old[@]:$1}"
      docker rm "${old[@]:$1}"
    fi
  done
  wait_healthy_all
}

# The settings of a change, and the change with its way back.
change_setting() { # NAME VALUE
  set_env "$1" "$2"
  upgrade_to 0.0.2
}

second_init() {
  cp -R secrets "$work/secrets.before"
  cp .env "$work/env.before"
  ./scripts/compose-init https://elsewhere.example.com
  diff -r secrets "$work/secrets.before" && diff .env "$work/env.before"
  upgrade_to 0.0.2
}

# A new version that does not start: nothing of what runs is lost.
bad_version() {
  set_env ACCESS_TTL_SECONDS nonsense
  ! upgrade_to 0.0.2 || return 1
  set_env ACCESS_TTL_SECONDS 600
  upgrade_to 0.0.2
}

sign_in() { "${in_engine_network[@]}" python3 scripts/compose-test.d/sign_in.py "$origin"; }

# Sets `neighbours` to the command for the containers of another project, which may run the samples of docs/verify.
another_project() { # PORT-OF-THE-SERVICE-THAT-FOLLOWS-REDIS PORT-OF-THE-ONE-THAT-FOLLOWS-THE-FEED
  export ORIGIN=$origin REDIS_FOLLOWER_PORT=$1 FEED_FOLLOWER_PORT=$2 SECRETS_FOLDER=$PWD/secrets SAMPLES=$built_samples/verify
  # The containers see /usr of this machine; the rest of the runtimes may lie elsewhere.
  export RUNNER_IMAGE=$runner_image PYTHON_HOME JAVA JAVA_SETTINGS
  PYTHON_HOME=$("$SAMPLES/venv/bin/python" -c 'import sys; print(sys.base_prefix)')
  [ "$PYTHON_HOME" != /usr ] || PYTHON_HOME=/usr/share
  JAVA=$(readlink -f "$(command -v java)")
  JAVA_SETTINGS=$(dirname "$(dirname "$(readlink -f "$(dirname "$JAVA")/../conf/security/java.security")")")
  # Where Compose cannot read the file, it would take the name from the environment, and end the deployment.
  neighbours=(env -u COMPOSE_PROJECT_NAME docker compose -p latchkey-test-neighbour -f scripts/compose-test.d/neighbour.yml)
}

# A service of another project, which follows Redis, and one that follows the feed.
neighbour() {
  local ports=() neighbours=() status=0
  mapfile -t ports < <("${in_engine_network[@]}" bash -c '. scripts/lib.sh && free_port && free_port')
  another_project "${ports[@]}"
  "${neighbours[@]}" up -d by-redis by-feed || status=$?
  [ "$status" -ne 0 ] || "${in_engine_network[@]}" python3 scripts/compose-test.d/sign_in.py "$origin" "http://127.0.0.1:${ports[0]}" \
    "http://127.0.0.1:${ports[1]}" || status=$?
  [ "$status" -eq 0 ] || "${neighbours[@]}" logs --tail 5
  "${neighbours[@]}" down --volumes --timeout 1 >/dev/null 2>&1 || status=1
  return "$status"
}

# The samples of docs/verify as services of another project.
sample_neighbours() {
  local samples=(node-by-redis node-by-feed python-by-redis python-by-feed go-by-redis go-by-feed java-by-redis java-by-feed)
  local neighbours=() status=0
  another_project 0 0
  "${in_engine_network[@]}" python3 scripts/compose-test.d/samples.py "$origin" "${samples[@]}" -- \
    "${neighbours[@]}" run --rm --no-deps -T || status=$?
  "${neighbours[@]}" down --volumes --remove-orphans --timeout 1 >/dev/null 2>&1 || status=1
  return "$status"
}

new_gateway() {
  printf 'FROM localhost/latchkey/gateway:0.0.2\nLABEL new=image\n' | DOCKER_BUILDKIT=0 docker build -q -t localhost/latchkey/gateway:0.0.2 -
  upgrade_to 0.0.2
}

every_other_event() {
  event 0 "back to the version before" ./scripts/compose-upgrade --back
  [ -z "$previous" ] || cp "$repository/docker-compose.yml" .
  upgrade 0.0.2 "upgrade again"
  event 0 "one setting changes" change_setting LOG_LEVEL debug
  event 0 "a setting with which nothing starts" bad_version
  event 0 "a second compose-init, and an upgrade to the same" second_init
  event 0 "three replicas" scale 3
  event 0 "two replicas again" scale 2
  event 0 "sign-in on the pages, sign-out, a revoked token" sign_in
  event 0 "the first user" first_user
  event 0 "mail by a server, and back to files" mail_server
  event 0 "compose.override.yml, and without it" override_file
  event 0 "a secret that cannot be read, until it can" unreadable_secret
  event 0 "another password of a database" rotate_password
  event 0 "a data folder that belongs to root" foreign_data_folder
  event 1s "a new image of the gateway" new_gateway
  event 0 "services of another project, by Redis and by feed" neighbour
  event 0 "the samples in containers of another project" sample_neighbours
  event 0 "SIGKILL of one auth-service" crash auth-service
  event 0 "SIGKILL of one todo-service" crash todo-service
  event 0 "SIGKILL of Redis" crash redis
  event 2s "restart of PostgreSQL" restart_postgres
  event 2s "SIGKILL of PostgreSQL" crash postgres
  event 2s "SIGKILL of the gateway" crash gateway
  event 2s "SIGKILL of everything" crash_everything
}

# The images of this version are there already, so nothing is built.
upgrade_to() { LATCHKEY_VERSION=$1 ./scripts/compose-upgrade; } # VERSION

upgrade() { # VERSION NAME
  # The gateway's image is new as well, and its container is replaced.
  event 0 "$2" upgrade_to "$1"
}
