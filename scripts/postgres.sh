# shellcheck shell=bash
# Starts a PostgreSQL server for a script. Sourced after lib.sh; $place is the script's temporary directory.

# The folder of the server's programs: on Debian a folder of their own, elsewhere one on the PATH.
postgres_bin() {
  local place
  for place in /usr/lib/postgresql/*/bin; do
    [ -x "$place/initdb" ] && {
      echo "$place"
      return
    }
  done
  have initdb && dirname "$(command -v initdb)"
}

# PostgreSQL refuses to run as root, so root runs it as the user postgres.
as_postgres() { "$@"; }
if [ "$(id -u)" -eq 0 ]; then
  as_postgres() { (cd / && exec runuser -u postgres -- "$@"); }
fi

# Starts a server with these options, and sets $postgres_url to its URL, with the superuser.
start_postgres() { # OPTION…
  pg=$(postgres_bin)
  [ -n "$pg" ] || die "PostgreSQL's initdb was not found"
  if [ "$(id -u)" -eq 0 ]; then
    id postgres >/dev/null 2>&1 || useradd --system --no-create-home --shell /usr/sbin/nologin postgres || exit 1
  fi
  mkdir "$place/postgres"
  chmod 0755 "$place"
  [ "$(id -u)" -ne 0 ] || chown postgres "$place/postgres"
  as_postgres "$pg/initdb" -D "$place/postgres/data" -U postgres -A trust -E UTF8 --locale=C --no-sync \
    >"$place/initdb.log" 2>&1 || { cat "$place/initdb.log" >&2; die "initdb failed"; }
  local port
  for _ in 1 2 3 4 5; do
    port=$(free_port)
    if as_postgres "$pg/pg_ctl" -D "$place/postgres/data" -l "$place/postgres/log" -w -t 60 start -o \
      "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories= $*" >/dev/null </dev/null; then
      pg_running=yes
      # shellcheck disable=SC2034 # for the script
      postgres_url=postgres://postgres@127.0.0.1:$port/postgres
      return
    fi
  done
  cat "$place/postgres/log" >&2
  die "PostgreSQL did not start"
}

pg_running=no
stop_postgres() {
  [ "$pg_running" = no ] || as_postgres "$pg/pg_ctl" -D "$place/postgres/data" -m immediate stop >/dev/null 2>&1
}
