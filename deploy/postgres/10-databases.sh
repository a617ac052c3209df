#!/bin/sh
# Runs once, when the volume is empty. Creates a database and a role for each service. Neither role can access the
# other's database.
set -eu

make_database() { # NAME PASSWORD
  psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres -v name="$1" -v password="$2" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password' NOSUPERUSER NOCREATEDB NOCREATEROLE CONNECTION LIMIT 100;
CREATE DATABASE :"name" OWNER :"name" TEMPLATE template0 ENCODING 'UTF8';
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
}

make_database auth "$AUTH_DB_PASSWORD"
make_database todo "$TODO_DB_PASSWORD"
