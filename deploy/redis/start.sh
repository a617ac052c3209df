#!/bin/sh
# Starts Redis with one user for each kind of client, and no other user: `auth` writes the revocation list and the
# throttle's counters; `todo`, and `verifier` for services of other projects, can only read the list. The rights are those
# of docs/revocation.md. They are part of this version, so an upgrade that needs other rights changes them.
#
# The users are in a file in memory, with SHA-256 hashes of their passwords. So no plain password is in the list of
# processes or in the environment of Redis. The arguments of this script are passed to redis-server.
set -eu
umask 077

users=${REDIS_USERS_FILE:-/tmp/users.acl}

# shellcheck source=deploy/redis/secret.sh
. "$(dirname "$0")/secret.sh"

# A hash of the user's password. `printf` is built into the shell, so the password is not an argument of a process.
hash_of() { # USER
  password=$(read_secret "$1_redis_password")
  [ "${#password}" -ge 16 ] || {
    echo "error: ${SECRETS:-/run/secrets}/$1_redis_password must hold a password of at least 16 characters" >&2
    exit 1
  }
  printf %s "$password" | sha256sum | cut -d ' ' -f 1
}
auth=$(hash_of auth)
todo=$(hash_of todo)
verifier=$(hash_of verifier)

# Nobody can log in as `default`, which is off and has no password. It has all rights because Redis replays the
# append-only file as this user, and would otherwise skip each transaction, that is: what scripts wrote.
cat >"$users" <<USERS
user default off resetpass ~* &* +@all
user auth on #$auth ~{revoked}:* ~{throttle}:* +@read +@write -@dangerous -@scripting -scan -randomkey -dbsize +hello +auth +ping +select +client|setname +time +info +eval +evalsha +script|load
user todo on #$todo %R~{revoked}:* +hello +auth +ping +select +client|setname +info +time +get +mget +xrange +xread +multi +exec
user verifier on #$verifier %R~{revoked}:* +hello +auth +ping +select +client|setname +info +time +get +mget +xrange +xread +multi +exec
USERS

# Redis must not evict keys, because an evicted fact would make a revoked token valid again. The append-only file
# restores the list after a restart.
exec redis-server --bind 0.0.0.0 --appendonly yes --maxmemory "${REDIS_MAXMEMORY:-256mb}" --maxmemory-policy noeviction \
  --aclfile "$users" "$@"
