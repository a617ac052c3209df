#!/bin/sh
# Starts Redis with one user for each service, and no other user: `auth` writes the revocation list and the throttle's
# counters, `todo` can only read the list. The rights are those of docs/revocation.md.
#
# The users are in a file in memory, with SHA-256 hashes of their passwords. So no plain password is in a file, in
# the list of processes, or in the environment of Redis. The arguments of this script are passed to redis-server.
set -eu
umask 077

: "${AUTH_REDIS_PASSWORD:?}" "${TODO_REDIS_PASSWORD:?}"
users=${REDIS_USERS_FILE:-/tmp/users.acl}

# `printf` is built into the shell, so the password is not an argument of a process.
hash_of() {
  printf %s "$1" | sha256sum | cut -d ' ' -f 1
}

cat >"$users" <<USERS
user default off
user auth on #$(hash_of "$AUTH_REDIS_PASSWORD") ~{revoked}:* ~{throttle}:* +@read +@write -@dangerous -@scripting -scan -randomkey -dbsize +hello +auth +ping +select +client|setname +time +info +eval +evalsha +script|load
user todo on #$(hash_of "$TODO_REDIS_PASSWORD") %R~{revoked}:* +hello +auth +ping +select +client|setname +info +time +get +mget +xrange +xread +multi +exec
USERS

maxmemory=${REDIS_MAXMEMORY:-256mb}
unset AUTH_REDIS_PASSWORD TODO_REDIS_PASSWORD REDISCLI_AUTH

# Redis must not evict keys, because an evicted fact would make a revoked token valid again. The append-only file
# restores the list after a restart.
exec redis-server --bind 0.0.0.0 --appendonly yes --maxmemory "$maxmemory" --maxmemory-policy noeviction \
  --aclfile "$users" "$@"
