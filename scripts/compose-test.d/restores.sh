# shellcheck shell=bash
# shellcheck disable=SC2154 # the variables are those of compose-test
# A back-up, and its restore. Sourced by compose-test.

held() { "${in_engine_network[@]}" python3 scripts/compose-test.d/restore.py "$origin" "$1" "$work/held" "$work/client"; } # PHASE

operator() { compose exec -T auth-service auth-service "$@"; }

back_up() { held before && ./scripts/compose-backup "$work/backup"; }

# Ends and begins what the back-up does not know.
change_since() {
  operator clients create --name Since --grants client_credentials --scopes todos:read --json </dev/null >"$work/client" &&
    held since &&
    operator users revoke-tokens restore-revoked </dev/null &&
    echo "another good long password" | operator users set-password restore-password --password-stdin &&
    operator users disable restore-disabled </dev/null &&
    operator keys rotate --now </dev/null
}

# A back-up that is not as it was saved is refused before anything happens.
refuse_changed() {
  cp -R "$work/backup" "$work/changed" && printf x >>"$work/changed/auth.dump" || return 1
  ! ./scripts/compose-restore "$work/changed" --yes
}

restore() {
  say "== restore"
  local began=$SECONDS
  { change_since && refuse_changed && ./scripts/compose-restore "$work/backup" --yes; } >"$work/event.log" 2>&1 || {
    tail -n 30 "$work/event.log" >&2
    die "restore: failed"
  }
  say "restore: $((SECONDS - began)) s"
  held after || die "restore: something of before is accepted, or a new login is not"
  # Neither role can reach the other's database, as before.
  [ -z "$(compose exec -T postgres psql -XAtq -U postgres -c "SELECT datname FROM pg_database WHERE datname IN ('auth', 'todo') AND has_database_privilege('public', oid, 'CONNECT')" </dev/null)" ] ||
    die "restore: a database can be reached by everybody"
}

logs_in() { # NAME
  "${in_engine_network[@]}" curl -fsS -o /dev/null --data-urlencode "username=$1" --data-urlencode 'password=correct horse battery staple' \
    "$origin/auth/token"
}

# A restore that is refused says why, and changes nothing.
refused() { # WHAT MESSAGE FOLDER
  say "== restore: $1"
  ! ./scripts/compose-restore "$3" --yes >"$work/said" 2>&1 || die "restore: $1: it is not refused"
  if ! grep -q "$2" "$work/said" || ! grep -q 'Nothing was changed' "$work/said"; then
    cat "$work/said" >&2
    die "restore: $1: it does not say so"
  fi
  logs_in restore-alone || die "restore: $1: nobody can log in afterwards"
}

refuse_another_key() {
  cp secrets/encryption_key "$work/key"
  chmod u+w secrets/encryption_key
  tr 0-9a-f 1-9a-f0 <"$work/key" >secrets/encryption_key
  refused "another encryption key" 'encryption.key' "$work/backup"
  cat "$work/key" >secrets/encryption_key
}

refuse_newer_schema() {
  local migrations='psql -XAtq -U postgres -d auth -c'
  # shellcheck disable=SC2086 # words
  compose exec -T postgres $migrations "INSERT INTO __diesel_schema_migrations (version) VALUES ('99991231235959')" </dev/null
  ./scripts/compose-backup "$work/newer" >"$work/event.log" 2>&1 || die "restore: the back-up failed: $(tail -n 3 "$work/event.log")"
  # shellcheck disable=SC2086 # words
  compose exec -T postgres $migrations "DELETE FROM __diesel_schema_migrations WHERE version = '99991231235959'" </dev/null
  refused "a newer schema" 'this version cannot use the dump of auth' "$work/newer"
}

# As an operator goes on with what is there. A container whose stop was under way ends only now, and `up` takes that for a start
# that failed, so it is repeated.
go_on() {
  local try
  for try in 1 2 3; do
    ! compose up -d --no-build --no-recreate >"$work/event.log" 2>&1 || break
    [ "$try" -lt 3 ] || die "restore: nothing starts after it was killed: $(tail -n 3 "$work/event.log")"
    sleep 3
  done
  wait_healthy_all || die "restore: not all is healthy after it was killed"
}

# Kills a restore after each of these parts of the time that it takes, and then goes on with what is there. Last, it is run again.
kill_restore() {
  local began=$SECONDS whole part after restoring
  ./scripts/compose-restore "$work/backup" --yes >"$work/event.log" 2>&1 || die "restore: $(tail -n 5 "$work/event.log")"
  whole=$((SECONDS - began))
  for part in 10 30 50 65 75 85 95; do
    after=$(printf '%d.%02d' $((whole * part / 100)) $((whole * part % 100)))
    say "== restore: killed after $after of $whole s"
    setsid ./scripts/compose-restore "$work/backup" --yes >"$work/said" 2>&1 &
    restoring=$!
    sleep "$after"
    kill -9 -- "-$restoring" 2>/dev/null || true
    wait "$restoring" 2>/dev/null || true
    tail -n 1 "$work/said"
    go_on
    logs_in restore-alone || die "restore: nobody can log in after it was killed"
  done
  ./scripts/compose-restore "$work/backup" --yes >"$work/event.log" 2>&1 || die "restore: again: $(tail -n 5 "$work/event.log")"
  held after || die "restore: something of before is accepted after it was killed and run again"
}

# On a host that has nothing but the release, .env and the secrets.
restore_elsewhere() {
  say "== restore: a new host"
  compose down --volumes --timeout 5 >/dev/null 2>&1
  ./scripts/compose-restore "$work/backup" --yes >"$work/event.log" 2>&1 || {
    tail -n 30 "$work/event.log" >&2
    die "restore: a new host: failed"
  }
  held after || die "restore: a new host: something of before is accepted, or a new login is not"
}

other_restores() {
  refuse_another_key
  refuse_newer_schema
  kill_restore
  restore_elsewhere
}
