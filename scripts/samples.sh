# shellcheck shell=bash
# Builds the samples of docs/verify and docs/oauth, outside the source tree and with the versions that they pin. Sourced, not
# run; needs lib.sh.

# Installs what the samples are built with, and further PACKAGES. Dies if a version is too old.
require_sample_tools() { # PACKAGE…
  local missing=("$@")
  have node || missing+=(nodejs)
  have npm || missing+=(npm)
  python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3 python3-venv)
  have go || missing+=(golang-go)
  have javac || missing+=(default-jdk-headless)
  have mvn || missing+=(maven)
  [ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"
  require_version Node.js "$(node -p process.versions.node)" 20
  require_version Python "$(python3 -c 'import platform; print(platform.python_version())')" 3.10
  require_version Go "$(go env GOVERSION | sed 's/^go//')" 1.24
  require_version Java "$(javac -version 2>&1 | sed 's/[^0-9]*//')" 17
}

require_version() { # WHAT FOUND AT-LEAST
  [ "$(printf '%s\n' "$3" "$2" | sort -V | head -n 1)" = "$3" ] || die "$1 $3 or later is needed; found $2"
}

# Builds these samples (verify, oauth) into FOLDER/verify and FOLDER/oauth.
build_samples() { # FOLDER SAMPLES…
  local built=$1 samples language pins
  shift
  for samples in "$@"; do
    for language in node python go java; do
      mkdir -p "$built/$samples/$language"
      cp -R "docs/$samples/$language/." "$built/$samples/$language/"
    done
    pins=$samples/node/package-lock.json
    if ! samples_fresh "$built" "$pins"; then
      (cd "$built/$samples/node" && npm ci --no-audit --no-fund --silent) || die "npm could not install the packages"
      cp "docs/$pins" "$built/$pins.installed"
    fi
    pins=$samples/python/requirements.txt
    if ! samples_fresh "$built" "$pins"; then
      python3 -m venv --clear "$built/$samples/venv" || die "Python cannot create a virtual environment"
      "$built/$samples/venv/bin/pip" install --quiet -r "$built/$pins" || die "pip could not install the packages"
      cp "docs/$pins" "$built/$pins.installed"
    fi
    (cd "$built/$samples/go" && CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS='-mod=readonly -buildvcs=false' go build -o sample .) ||
      die "the Go sample does not build"
    (cd "$built/$samples/java" && mvn --batch-mode compile dependency:copy-dependencies >mvn.log 2>&1) || {
      cat "$built/$samples/java/mvn.log" >&2
      die "the Java sample does not build"
    }
  done
}

# Whether the libraries were installed from the same pinned versions already.
samples_fresh() { # FOLDER PINS
  cmp -s "docs/$2" "$1/$2.installed"
}
