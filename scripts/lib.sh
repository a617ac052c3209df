# shellcheck shell=bash
# Functions that the scripts share: messages, installing missing packages, free ports. Sourced, not run.

say() { printf '%s\n' "$*" >&2; }

die() {
  say "error: $*"
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# Runs a command as root, directly or with sudo. Fails if neither is possible.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif have sudo && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
    sudo "$@"
  else
    return 1
  fi
}

can_install() {
  have apt-get && { [ "$(id -u)" -eq 0 ] || { have sudo && { [ -t 0 ] || sudo -n true 2>/dev/null; }; }; }
}

# Installs Debian packages. Servers among the packages are not started, because the scripts start their own.
install_packages() {
  can_install || die "missing: $*. On Debian or Ubuntu: sudo apt-get install $*"
  say "Installing $*"
  local policy=/usr/sbin/policy-rc.d ours=no
  if [ ! -e "$policy" ]; then
    ours=yes
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 0755 "$policy"
  fi
  local status=0
  as_root apt-get update -qq </dev/null >&2 || say "apt-get update failed; continuing with the existing package lists"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" </dev/null >&2 ||
    status=$?
  [ "$ours" = no ] || as_root rm -f "$policy"
  [ "$status" -eq 0 ] || die "apt-get could not install: $*"
}

require_rust() {
  # The folder in which rustup installs, for shells that were started before rustup was installed.
  have cargo || PATH="$HOME/.cargo/bin:$PATH"
  have cargo || die "no Rust toolchain found: install it from https://rustup.rs, then run this again"
}

# The crates build libpq, SQLite and aws-lc from source.
require_c_compiler() {
  have "${CC:-cc}" && return
  if can_install; then
    install_packages build-essential
  elif [ "$(uname -s)" = Darwin ]; then
    die "no C compiler found: run 'xcode-select --install', then this again"
  else
    die "no C compiler found: install one (Debian: sudo apt-get install build-essential; Fedora: sudo dnf install gcc), then run this again"
  fi
}

port_is_open() { (exec 3<>"/dev/tcp/${2:-127.0.0.1}/$1") 2>/dev/null; }

free_port() {
  local port try
  for try in $(seq 1 100); do
    port=$((20000 + (RANDOM * 32768 + RANDOM + try) % 12000))
    port_is_open "$port" || {
      echo "$port"
      return
    }
  done
  die "no free port found"
}

target_dir() {
  cargo metadata --format-version 1 --no-deps --locked --offline 2>/dev/null |
    sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p'
}
