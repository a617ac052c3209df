# shellcheck shell=bash
# shellcheck disable=SC2154 # the variables are those of compose-test
# From one major version of PostgreSQL to the next, by the commands of docs/deploy/upgrade.md. Sourced by compose-test.

# The image of an older major version than that of docker-compose.yml.
older_postgres() {
  if [ "$official" = yes ]; then
    echo postgres:16.10-bookworm
  else
    base_image postgres-older bookworm postgresql
    echo localhost/latchkey-test/postgres-older
  fi
}

# The commands of the page, with the names of this test.
page_commands() { # BLOCK: 1 or 2
  awk -v wanted="$1" '/^## / { inside = /PostgreSQL: another major version/ }
    !inside { next }
    /^```sh/ { block++; is_code = 1; next }
    /^```/ { is_code = 0 }
    is_code && block == wanted' docs/deploy/upgrade.md |
    sed -e 's/latchkey_postgres/latchkey-test_postgres/g' -e "s|debian:bookworm-slim|$small_image|"
}

# A hash over all files of the volume.
volume_hash() {
  docker run --rm --network none -v latchkey-test_postgres-data:/data:ro --entrypoint sh "$small_image" -c \
    'cd /data && find . -type f | sort | xargs sha256sum | sha256sum'
}

other_major() {
  local newer=${POSTGRES_IMAGE:-} older small_image=${DEBIAN_IMAGE:-debian:bookworm-slim} before
  [ "$official" = yes ] || small_image=localhost/latchkey-test/debian
  say "== another major version of PostgreSQL"
  older=$(older_postgres)
  compose down --volumes --timeout 5 >/dev/null 2>&1
  export POSTGRES_IMAGE=$older
  first_start
  say "from $(docker run --rm --entrypoint sh "$older" -c 'ls -d /usr/lib/postgresql/*')"
  "${in_engine_network[@]}" curl -fsS -o /dev/null -H 'Content-Type: application/json' \
    -d '{"username": "before", "password": "correct horse battery staple"}' "$origin/auth/register"
  logs_in before

  # By mistake: the newer program on the older files. It says so and changes nothing.
  compose stop postgres >/dev/null 2>&1
  before=$(volume_hash)
  if [ -n "$newer" ]; then export POSTGRES_IMAGE=$newer; else unset POSTGRES_IMAGE; fi
  compose up -d --no-deps postgres >/dev/null 2>&1
  local try
  for try in $(seq 1 60); do
    ! compose logs postgres 2>&1 | grep 'incompatible with' >/dev/null || break
    [ "$try" -lt 60 ] || die "PostgreSQL does not name the mistake"
    sleep 0.5
  done
  compose stop postgres >/dev/null 2>&1
  [ "$(volume_hash)" = "$before" ] || die "PostgreSQL of another major version has written"

  # Back, and then as the page says it.
  export POSTGRES_IMAGE=$older
  compose up -d --no-deps --wait postgres >"$work/event.log" 2>&1 || die "the way back: $(tail -n 5 "$work/event.log")"
  wait_healthy_all
  logs_in before || die "the users are gone after the mistake"
  bash -euo pipefail -c "$(page_commands 1)" >"$work/event.log" 2>&1 || die "before: $(tail -n 5 "$work/event.log")"
  if [ -n "$newer" ]; then export POSTGRES_IMAGE=$newer; else unset POSTGRES_IMAGE; fi
  bash -euo pipefail -c "$(page_commands 2)" >"$work/event.log" 2>&1 || die "after: $(tail -n 5 "$work/event.log")"
  [ "$(grep -c '^ERROR:' "$work/event.log")" = 1 ] || die "other errors than the expected one: $(grep ERROR: "$work/event.log")"
  wait_healthy_all
  logs_in before || die "the users are gone"
  docker volume rm latchkey-test_postgres-old >/dev/null
  say "to $(compose exec -T postgres sh -c 'ls -d /usr/lib/postgresql/*'): users and logins are there"
}
