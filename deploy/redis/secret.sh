# shellcheck shell=sh
# Sourced by the other scripts.

# A secret as the services read it: without blanks, line ends and a byte order mark around it.
read_secret() { # NAME
  LC_ALL=C sed '1s/^\xef\xbb\xbf//; s/^[[:space:]]*//; s/[[:space:]]*$//' "${SECRETS:-/run/secrets}/$1"
}
