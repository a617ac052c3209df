# shellcheck shell=bash
# What the scripts for Docker Compose share: the file .env, the secrets, and the names of containers. Sourced, not run.

ENV_FILE=${ENV_FILE:-.env}
SECRETS=${SECRETS:-./secrets}
# shellcheck disable=SC2034 # used by compose-init
SECRET_NAMES=(encryption_key previous_encryption_keys postgres_password auth_db_password todo_db_password
  auth_redis_password todo_redis_password verifier_redis_password feed_token smtp_password clients)

# The databases of docker-compose.yml, each of which belongs to the service and the role of its name.
# shellcheck disable=SC2034 # used by compose-backup and compose-restore
DATABASES=(auth todo)

# How long containers may take to become healthy.
HEALTHY_SECONDS=${HEALTHY_SECONDS:-180}

# The file of a version that ran here, for the way back to it: another version may know other settings.
kept_file() { echo ".latchkey/docker-compose-$1.yml"; } # VERSION

keep_file() { # VERSION
  mkdir -p .latchkey
  cp docker-compose.yml "$(kept_file "$1")"
}

# The arguments that make Compose use another file than docker-compose.yml, if there are any.
COMPOSE_FILES=()

compose() { docker compose --env-file "$ENV_FILE" "${COMPOSE_FILES[@]}" "$@"; }

# The value of a variable in .env, without the quotes around it; empty if it has none.
env_value() { # NAME
  local value
  value=$(sed -n "s/^$1=//p" "$ENV_FILE" 2>/dev/null | tail -n 1)
  case $value in
  \'*\' | \"*\") value=${value:1:-1} ;;
  esac
  printf %s "$value"
}

set_env() { # NAME VALUE
  if grep -q "^$1=" "$ENV_FILE"; then
    sed -i "s|^$1=.*|$1=$2|" "$ENV_FILE"
  else
    printf '%s=%s\n' "$1" "$2" >>"$ENV_FILE"
  fi
}

# Refuses what Compose would read as something else than what stands there.
check_env() {
  local number=0 line name value bad=0
  complain() {
    say "$ENV_FILE, line $number: $name $*"
    bad=1
  }
  while IFS= read -r line || [ -n "$line" ]; do
    number=$((number + 1))
    case $line in
    '' | '#'*) continue ;;
    [A-Z]*=*) ;;
    *)
      name="${line%%=*}" complain "is not NAME=VALUE at the beginning of a line"
      continue
      ;;
    esac
    name=${line%%=*} value=${line#*=}
    case $value in
    *$'\r') complain "ends with a carriage return: save the file with Unix line ends" ;;
    \'*\') [[ ${value:1:-1} != *\'* ]] || complain "has a single quote within single quotes" ;;
    *[\"\'\`\\]*) complain "has a quote or a backslash, which Compose removes or misreads: write the value in single quotes" ;;
    *\$*) complain "has a \$, and Compose puts a variable in its place: write the value in single quotes" ;;
    *' #'* | '#'*) complain "has a #, where Compose begins a comment: write the value in single quotes" ;;
    ' '* | *' ') complain "begins or ends with a blank, which Compose removes" ;;
    esac
    case $name in
    ENCRYPTION_KEY | *_PASSWORD | CLIENTS | *_TOKEN | *SECRET*)
      [ -z "$value" ] || complain "is a secret, which does not belong here: ./scripts/compose-init moves it into $SECRETS"
      ;;
    SMTP_URL)
      [[ ${value#*://} != *:*@* ]] || complain "has a password: leave it out, and write it into $SECRETS/smtp_password as it is"
      ;;
    esac
  done <"$ENV_FILE"
  [ "$bad" -eq 0 ] || die "$ENV_FILE cannot be used"
}

# The version of the sources as `--version` prints it, and the commit if this is a checkout.
source_version() {
  local version commit
  version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
  commit=$(git rev-parse --short=10 HEAD 2>/dev/null) || commit=
  [ -z "$commit" ] || [ -z "$(git status --porcelain 2>/dev/null)" ] || commit=$commit-changed
  printf '%s' "${version:?}${commit:+-$commit}"
}

volume_exists() { # NAME
  have docker || return 1
  local project=${COMPOSE_PROJECT_NAME:-$(basename "$PWD" | tr '[:upper:]' '[:lower:]' | tr -cd 'a-z0-9_-')}
  docker volume inspect "${project}_$1" >/dev/null 2>&1
}

# The name under which Compose keeps what belongs to this deployment.
project_name() {
  compose config --format json | python3 -c 'import json, sys; print(json.load(sys.stdin)["name"])' 2>/dev/null ||
    echo "${COMPOSE_PROJECT_NAME:-$(basename "$PWD" | tr '[:upper:]' '[:lower:]' | tr -cd 'a-z0-9_-')}"
}

# The containers of a service, also those that are stopped. `project` is the name of this deployment.
# shellcheck disable=SC2154
containers() { docker ps -aq --no-trunc --filter "label=com.docker.compose.project=$project" --filter "label=com.docker.compose.service=$1" --filter label=com.docker.compose.oneoff=False; } # SERVICE

wait_healthy() { # CONTAINER…
  local deadline=$((SECONDS + HEALTHY_SECONDS)) container state
  for container in "$@"; do
    while state=$(docker inspect -f '{{.State.Status}} {{.State.Health.Status}} {{.RestartCount}}' "$container"); do
      case $state in
      'running healthy '*) break ;;
      exited* | dead* | restarting* | *' 3' | *unhealthy*) return 1 ;;
      esac
      [ $SECONDS -lt $deadline ] || return 1
      sleep 0.5
    done
  done
}
