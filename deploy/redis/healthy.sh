#!/bin/sh
# The health check of Redis. While it loads its file, it answers PING with LOADING.
set -eu
# shellcheck source=deploy/redis/secret.sh
. "$(dirname "$0")/secret.sh"
REDISCLI_AUTH=$(read_secret todo_redis_password)
export REDISCLI_AUTH
redis-cli -p "${REDIS_PORT:-6379}" --user todo ping | grep -qx PONG
