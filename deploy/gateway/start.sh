#!/bin/sh
# Starts the gateway. Refuses settings that do not fit together, and writes the sites that depend on the scheme: unknown
# hosts get 421, and with https, port 80 redirects. The arguments are the command that starts Caddy.
#
#   PUBLIC_ORIGIN   the origin that browsers show
#   PUBLIC_PORT     the port that is published
#   TLS_ENDED_BY    addresses or networks of the proxies that end TLS, separated by blanks: then the gateway itself speaks
#                   plain HTTP at PUBLIC_PORT, and uses the X-Forwarded-For and X-Forwarded-Proto of these proxies alone
set -eu

refuse() {
  echo "error: $*" >&2
  exit 1
}

origin=${PUBLIC_ORIGIN:?set PUBLIC_ORIGIN in .env, see .env.example}
case $origin in
http://* | https://*) ;;
*) refuse "PUBLIC_ORIGIN must begin with http:// or https://, and is '$origin'" ;;
esac
scheme=${origin%%://*}
place=${origin#*://}
case $place in
*/* | *\?* | *\#*)
  refuse "PUBLIC_ORIGIN must end after host and port, with no path and no slash, and is '$origin'"
  ;;
'' | *@* | *' '* | *\"* | *\'* | *\$*)
  refuse "PUBLIC_ORIGIN must be scheme, host and port, and is '$origin' (are there quotes, or a \$ that Compose replaced?)"
  ;;
esac
case $place in
*]) host=$place port= ;;
*:*) host=${place%:*} port=${place##*:} ;;
*) host=$place port= ;;
esac
case $scheme in
http) default=80 ;;
https) default=443 ;;
esac
port=${port:-$default}
published=${PUBLIC_PORT:?set PUBLIC_PORT in .env to the port of PUBLIC_ORIGIN}
case $published in
*[!0-9]*) refuse "PUBLIC_PORT must be a number, and is '$published'" ;;
esac

sites=${GATEWAY_SITES:-/tmp/sites.caddy}
if [ -n "${TLS_ENDED_BY:-}" ]; then
  [ "$scheme" = https ] ||
    refuse "TLS_ENDED_BY is for an https:// origin, whose TLS another proxy ends; PUBLIC_ORIGIN is '$origin'"
  export PUBLIC_ORIGIN="http://$host:$published"
  scheme=http
elif [ "$port" != "$published" ]; then
  refuse "PUBLIC_PORT is $published, and browsers that follow PUBLIC_ORIGIN ('$origin') come to port $port: set PUBLIC_PORT=$port"
fi

cat >"$sites" <<SITES
$scheme://:$published {
	respond "This server does not serve that host" 421
}
SITES
if [ "$scheme" = https ] && [ "$published" != 80 ]; then
  cat >>"$sites" <<SITES
http://$host:${GATEWAY_REDIRECT_PORT:-80} {
	redir $origin{uri} 308
}
http://:${GATEWAY_REDIRECT_PORT:-80} {
	respond "This server does not serve that host" 421
}
SITES
fi
export GATEWAY_SITES="$sites"
exec "$@"
