# shellcheck shell=bash
# What the scripts here share: speaking, finding tools, installing what is missing.
# Sourced, never run. Keeps to bash 3.2, which macOS ships.

# Where Debian puts servers (pgbouncer), which is not on an ordinary user's path.
PATH=$PATH:/usr/sbin
export PATH

say() { printf '%s\n' "$*" >&2; }

# die CODE SENTENCE…: says what is wrong and ends.
die() {
  local code=$1
  shift
  say "scripts/${0##*/}: $*"
  exit "$code"
}

have() { command -v "$1" >/dev/null 2>&1; }

is_root() { [ "$(id -u)" = 0 ]; }

# retry TRIES COMMAND…: with a growing pause between tries.
retry() {
  local tries=$1 try=1
  shift
  until "$@"; do
    [ "$try" -lt "$tries" ] || return 1
    sleep $((try * 2))
    try=$((try + 1))
  done
}

# The folder that holds initdb and postgres; Debian keeps it off the PATH.
postgres_bin() {
  local dir found=''
  for dir in /usr/local/opt/postgresql*/bin /opt/homebrew/opt/postgresql*/bin \
    /usr/lib/postgresql/*/bin "$(pg_config --bindir 2>/dev/null || true)" \
    "${DISCORDCTL_TEST_POSTGRES_BIN:-}"; do
    if [ -n "$dir" ] && [ -x "$dir/initdb" ] && [ -x "$dir/postgres" ]; then found=$dir; fi
  done
  [ -n "$found" ] && printf '%s\n' "$found"
}

redis_bin() { command -v redis-server || command -v valkey-server; }

# is_there TOOL: whether that need is met.
is_there() {
  case $1 in
    postgres) postgres_bin >/dev/null ;;
    redis) redis_bin >/dev/null ;;
    *) have "$1" ;;
  esac
}

debian_package() {
  case $1 in
    cc) echo gcc libc6-dev ;;
    postgres) echo postgresql postgresql-client ;;
    redis) echo redis-server ;;
    nc) echo netcat-openbsd ;;
    chromedriver) echo chromium-driver ;;
    promtool) echo prometheus ;;
    ip) echo iproute2 ;;
    unshare | setpriv) echo util-linux ;;
    readelf | strip) echo binutils ;;
    python3) echo python3 python3-venv ;;
    node) echo nodejs ;;
    *) echo "$1" ;;
  esac
}

brew_command() {
  case $1 in
    cc) echo xcode-select --install ;;
    postgres) echo brew install postgresql@17 ;;
    nc) echo brew install netcat ;;
    faketime) echo brew install libfaketime ;;
    chromium | chromedriver) echo brew install --cask "$1" ;;
    promtool) echo brew install prometheus ;;
    sqlite3) echo brew install sqlite ;;
    *) echo brew install "$1" ;;
  esac
}

# install_missing TOOL…: installs those that are not there, and nothing else. Ends with a
# sentence that says what to do where it cannot.
install_missing() {
  local tool missing='' packages='' log
  for tool in "$@"; do
    is_there "$tool" && continue
    missing="$missing $tool"
    packages="$packages $(debian_package "$tool")"
  done
  [ -n "$missing" ] || return 0

  if ! have apt-get; then
    say "scripts/${0##*/}: not found:$missing"
    if have brew; then
      for tool in $missing; do say "  $(brew_command "$tool")"; done
    else
      say "  There is no apt-get here. Install them with this system's package manager;"
      say "  Debian calls the packages:$packages"
    fi
    return 69
  fi

  local as=()
  if ! is_root; then
    have sudo || die 77 "not found:$missing. Without root or sudo it cannot be installed; as root: apt-get install$packages"
    as=(sudo)
  fi
  say "installing:$packages"
  log=$(mktemp "${TMPDIR:-/tmp}/discordctl-install.XXXXXX")
  # RUNLEVEL=1 keeps Debian's packages from starting their services where there is no systemd.
  # shellcheck disable=SC2086 # one word per package
  if retry 3 apt_get update >"$log" 2>&1 && retry 3 apt_get install $packages >>"$log" 2>&1; then
    rm -f "$log"
  else
    tail -n 20 "$log" >&2
    say "scripts/${0##*/}: apt-get could not install:$packages (all it said: $log)"
    return 69
  fi
  for tool in $missing; do
    is_there "$tool" || die 69 "installed$packages, but $tool is still not found"
  done
}

apt_get() {
  local verb=$1
  shift
  ${as[@]+"${as[@]}"} env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get "$verb" -q -y \
    -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3 --no-install-recommends "$@" </dev/null
}
