#!/bin/sh
# Runs once, when the volume is empty. Creates a database and a role for each service. Neither role can access the
# other's database.
set -eu

make_database() { # NAME PASSWORD
  # psql reads the password from its standard input, so that it is in no list of processes.
  {
    printf '\\set password %s\n' "'$(printf %s "$2" | sed "s/\\\\/\\\\\\\\/g; s/'/\\\\'/g")'"
    cat <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password' NOSUPERUSER NOCREATEDB NOCREATEROLE CONNECTION LIMIT 100;
CREATE DATABASE :"name" OWNER :"name" TEMPLATE template0 ENCODING 'UTF8';
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
  } | psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres -v name="$1"
}

# A secret as the services read it: without blanks, line ends and a byte order mark around it.
read_secret() { # NAME
  LC_ALL=C sed '1s/^\xef\xbb\xbf//; s/^[[:space:]]*//; s/[[:space:]]*$//' "${SECRETS:-/run/secrets}/$1"
}

for name in auth todo; do
  make_database "$name" "$(read_secret "${name}_db_password")"
done
