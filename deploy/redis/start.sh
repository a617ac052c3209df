#!/bin/sh
# Starts Redis with a user for each service, and no other: `auth` keeps the revocation list and the throttle's counters,
# `todo` can only read the list. The rights are those of docs/revocation.md.
#
# The users stand in a file in memory, with SHA-256 hashes of their passwords: no password is written down, stands in the list
# of processes, or stays in the environment of Redis. Arguments go to redis-server.
set -eu
umask 077

: "${AUTH_REDIS_PASSWORD:?}" "${TODO_REDIS_PASSWORD:?}"
users=${REDIS_USERS_FILE:-/tmp/users.acl}

# `printf` is part of the shell: the password is no argument of a process.
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

# Redis must not evict: that would un-revoke tokens. The append-only file brings the list back after a restart.
exec redis-server --bind 0.0.0.0 --appendonly yes --maxmemory "$maxmemory" --maxmemory-policy noeviction \
  --aclfile "$users" "$@"
