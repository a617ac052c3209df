# shellcheck shell=bash
# shellcheck disable=SC2154 # the variables are those of compose-test
# What holds of a deployment apart from the load: its settings, its secrets, its first start, its stop. Sourced by
# compose-test.

# Secrets as people write them, in place of random ones: with every character that a shell, Compose, a URL, SQL or an ACL
# file gives a meaning to, and with the line ends of different editors.
odd_secrets() {
  # shellcheck disable=SC2016 # the dollar is meant
  local odd='p$a#s'\''w"o\r d%41@b:c/d?e&f'
  mkdir -p secrets
  printf '%s\r\n' "$odd" >secrets/auth_db_password
  printf '%s\n' "$odd=" >secrets/todo_db_password
  printf '%s' "$odd+" >secrets/auth_redis_password
  printf '\357\273\277%s \r\n' "$odd;" >secrets/todo_redis_password
}

# Every container has limits, and no value of a secret is in the settings that Compose shows.
check_limits() {
  compose config --format json | python3 -c '
import json, sys
for name, service in json.load(sys.stdin)["services"].items():
    options = service.get("logging", {}).get("options", {})
    missing = [limit for limit in ("max-size", "max-file") if limit not in options]
    missing += [limit for limit in ("mem_limit", "pids_limit") if not service.get(limit)]
    missing += [what for what in ("read_only", "restart", "healthcheck") if what not in service]
    assert not missing, f"{name} has no {missing}"
'
  # Without .env, nothing is started under a name that nobody chose.
  local said
  ! said=$(cd "$work" && docker compose -f checkout/docker-compose.yml --env-file /dev/null config 2>&1) ||
    die "Compose takes settings without a version"
  grep -q 'compose-init' <<<"$said" || die "does not name compose-init: $said"
}

# The numbers of restarts of our containers, which are to be 0: a service waits for what it needs.
restarts() {
  compose ps -aq auth-service todo-service | xargs docker inspect -f '{{.RestartCount}}' | awk '{ sum += $1 } END { print sum }'
}

# The first start, several times. After each but the last one, all data is deleted.
first_starts() { # COUNT
  local number
  for number in $(seq 1 "$1"); do
    first_start
    [ "$(restarts)" = 0 ] || {
      compose logs --tail 20 auth-service todo-service >&2
      die "first start $number: a service was restarted"
    }
    [ "$number" = "$1" ] || compose down --volumes --timeout 2 >/dev/null 2>&1
  done
}

# Restarts PostgreSQL while it is used. Our services answer 503 with Retry-After meanwhile and are not restarted.
restart_postgres() {
  local before began
  before=$(restarts) began=$(date +%s.%N)
  compose restart postgres
  wait_healthy_all
  [ "$(restarts)" = "$before" ]
  python3 - "$work/requests" "$began" <<'PYTHON'
import json, pathlib, sys
lines = pathlib.Path(sys.argv[1]).read_text().splitlines()[:-1]
bad = [one for one in map(json.loads, lines) if one[0] >= float(sys.argv[2]) and one[3] not in ("200", "503")]
assert not bad, bad
PYTHON
}

# A secret that the container's user may not read: the message says why, the engine waits longer each time, and the replica
# starts by itself as soon as the file can be read.
unreadable_secret() {
  local container deadline=$((SECONDS + 60))
  chmod 0600 secrets/encryption_key
  chown 0:0 secrets/encryption_key
  compose up -d --no-deps --no-recreate --no-build --scale auth-service=3 auth-service
  sleep 20
  container=$(compose ps -aq auth-service | xargs docker inspect -f '{{.Created}} {{.Id}}' | sort | tail -n 1 | cut -d ' ' -f 2)
  docker logs "$container" >"$work/said" 2>&1
  cat "$work/said"
  grep -qF 'AUTH__KEYS__ENCRYPTION_KEY_FILE: must name a readable text file: /run/secrets/encryption_key belongs to user 0, group 0 and has mode 0600, and this process is user 65532' "$work/said"
  [ "$(docker inspect -f '{{.RestartCount}}' "$container")" -lt 12 ]
  chmod 0444 secrets/encryption_key
  until [ "$(docker inspect -f '{{.State.Health.Status}}' "$container")" = healthy ]; do
    [ $SECONDS -lt $deadline ] || return 1
    sleep 0.5
  done
  stops_in_time "$container"
  docker rm "$container"
}

# Stops containers. Each must end by itself, with success, and within 3 s, though it serves for 2 s more.
stops_in_time() { # CONTAINER…
  local began took container
  began=$(date +%s%3N)
  docker stop "$@"
  took=$(($(date +%s%3N) - began))
  echo "stopped after $took ms"
  [ "$took" -lt 3000 ]
  for container in "$@"; do
    [ "$(docker inspect -f '{{.State.ExitCode}}' "$container")" = 0 ]
  done
}

# SQLite in a folder that belongs to root, as a new bind mount does.
foreign_data_folder() {
  local folder=$work/data status=0
  mkdir -m 0755 "$folder"
  docker run --rm --read-only --network none -v "$folder:/var/lib/latchkey/data" -e AUTH__KEYS__ENCRYPTION_KEY=0123456789abcdef0123456789abcdef \
    "localhost/latchkey/auth-service:0.0.2" >"$work/said" 2>&1 || status=$?
  cat "$work/said"
  [ "$status" -eq 1 ] && grep -q 'chown -R 65532' "$work/said" && [ -z "$(ls -A "$folder")" ]
}

# The password of a database: changed in the file alone, which must fail and say why, and then as the page says it.
rotate_password() {
  local commands
  commands=$(awk '/^- \*\*A database password/ { inside = 1 } inside && /^  ```$/ { exit } is_code { print } inside && /^  ```sh/ { is_code = 1 }' \
    docs/deploy/settings.md)
  cp secrets/auth_db_password "$work/password"
  chmod u+w secrets/auth_db_password
  echo something-else >secrets/auth_db_password
  ! LATCHKEY_VERSION=0.0.2 ./scripts/compose-upgrade --again >"$work/said" 2>&1 || return 1
  cat "$work/said"
  grep -q 'keeps a role.s password until ALTER ROLE' "$work/said"
  cp "$work/password" secrets/auth_db_password
  LATCHKEY_VERSION=0.0.2 bash -euo pipefail -c "$commands"
  ! cmp -s "$work/password" secrets/auth_db_password || return 1
}

# The first user, and the settings of a mail server, as the page says it.
first_user() {
  echo "correct horse battery staple" | operator users create walker --roles admin --password-stdin
  logs_in walker
}

mail_server() {
  local address port sink status=0
  address=$(docker network inspect latchkey-test_out -f '{{(index .IPAM.Config 0).Gateway}}')
  port=$("${in_engine_network[@]}" bash -c '. scripts/lib.sh && free_port')
  "${in_engine_network[@]}" python3 scripts/compose-test.d/smtp_sink.py "$port" "$work/mails" &
  sink=$!
  set_env MAIL_TRANSPORT smtp
  set_env SMTP_URL "smtp://$address:$port"
  set_env MAIL_FROM 'Example <no-reply@example.com>'
  { upgrade_to 0.0.2 && operator mail test you@example.com </dev/null && grep 'To: .*you@example.com' "$work/mails"; } || status=1
  kill "$sink"
  set_env MAIL_TRANSPORT ''
  set_env SMTP_URL ''
  set_env MAIL_FROM ''
  upgrade_to 0.0.2
  return "$status"
}

# The example of compose.override.yml, as the page has it. PostgreSQL, which it changes as well, is left alone.
override_file() {
  local status=0
  awk '/Compose reads that file by itself/ { inside = 1 } inside && is_file && /^```$/ { exit } is_file { print } inside && /^```yaml/ { is_file = 1 }' \
    docs/deploy/settings.md >compose.override.yml
  cp auth-service/assets/key.svg logo.svg
  cat compose.override.yml
  {
    upgrade_to 0.0.2 && operator check-config </dev/null >"$work/said" && grep 'failures_per_name = 20' "$work/said" &&
      "${in_engine_network[@]}" curl -fsS "$origin/login" >"$work/page" && grep '<img src="/assets/' "$work/page"
  } || status=1
  rm compose.override.yml
  upgrade_to 0.0.2
  return "$status"
}
