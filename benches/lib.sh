# shellcheck shell=bash
# What the suites share: servers of their own, an instance to measure, and a place for results.
# Sourced by benches/run, which sets runs, seconds, out and results.
# shellcheck disable=SC2154

work='' postgres_pid='' redis_pid='' instance_pids=() fleet='' sampler='' SUBJECT=()

# begin: starts the servers that figures are measured against.
begin() {
  work=$(mktemp -d "${TMPDIR:-/tmp}/discordctl-bench.XXXXXX")
  # Root's PostgreSQL runs as another user, who must get through here.
  chmod 711 "$work"
  trap end EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  ulimit -S -n "$(ulimit -H -n)"
  postgres_init "$work" postgres
  PG_PORT=$(free_port)
  # With its defaults: what is acknowledged is on the disk.
  postgres_start "$work" postgres "$PG_PORT" 127.0.0.1
  postgres_pid=$STARTED_PID
  REDIS_PORT=$(free_port)
  redis_start "$work" "$REDIS_PORT"
  redis_pid=$STARTED_PID
}

end() {
  local code=$?
  trap - EXIT
  if [ -n "$sampler" ]; then kill "$sampler" 2>/dev/null || true; fi
  stop_instances || true
  if [ -n "$fleet" ]; then "$DISCORDCTL" stop --config-dir "$fleet" --force --yes >/dev/null || true; fi
  if [ -n "$redis_pid" ]; then kill -TERM "$redis_pid" 2>/dev/null || true; fi
  if [ -n "$postgres_pid" ]; then kill -INT "$postgres_pid" 2>/dev/null || true; fi
  wait 2>/dev/null || true
  if [ -n "$work" ]; then rm -rf "$work"; fi
  exit "$code"
}

psql_() { "$(postgres_bin)/psql" -X -q -A -t -h 127.0.0.1 -p "$PG_PORT" -U postgres "$@"; }

pgbench_() { "$(postgres_bin)/pgbench" -n -h 127.0.0.1 -p "$PG_PORT" -U postgres "$@"; }

# fresh_database KIND: a database of its own; its URL is in DB_URL, PostgreSQL's name in DB.
fresh_database() {
  DB=bench_$RANDOM$RANDOM
  case $1 in
    sqlite) DB_URL=sqlite://$work/$DB.db ;;
    postgres)
      psql_ -c "CREATE DATABASE $DB"
      DB_URL=postgresql://postgres@127.0.0.1:$PG_PORT/$DB
      "$DISCORDCTL" migrate up --db-url "$DB_URL" >/dev/null
      ;;
  esac
}

# start_instance [OPTION OF serve…]: one on DB_URL, for the loads that follow. Its ports are in TCP
# and HTTP, its id in SERVER_PID.
start_instance() {
  TCP=$(free_port)
  HTTP=$(free_port)
  DISCORDCTL_LIMITS_MESSAGES_PER_MINUTE=0 DISCORDCTL_LIMITS_CONNECTIONS=15000 \
    DISCORDCTL_DB_URL=$DB_URL "$DISCORDCTL" serve --tcp-port "$TCP" --http-port "$HTTP" \
    --data-dir "$work/$TCP" "$@" >"$work/$TCP.out" 2>"$work/$TCP.log" &
  SERVER_PID=$!
  instance_pids+=("$SERVER_PID")
  if ! wait_ready "$SERVER_PID" 30 port_taken "$TCP"; then
    tail -n 5 "$work/$TCP.log" >&2
    return 1
  fi
  SUBJECT=(--tcp-port "$TCP" --http-port "$HTTP")
}

# start_several COUNT: instances on DB_URL and Redis, for the loads that follow.
start_several() {
  local n folder=$work/several
  rm -rf "$folder"
  mkdir "$folder"
  for n in $(seq "$1"); do
    start_instance --redis-url "redis://127.0.0.1:$REDIS_PORT" --instance-id "bench-$n"
    jq -n --arg id "bench-$n" --argjson tcp "$TCP" --argjson http "$HTTP" \
      '{instance_id: $id, tcp_port: $tcp, http_port: $http}' >"$folder/instance$n.json"
  done
  SUBJECT=(--config-dir "$folder")
}

stop_instances() {
  local pid
  for pid in ${instance_pids[@]+"${instance_pids[@]}"}; do kill -TERM "$pid" 2>/dev/null || true; done
  for pid in ${instance_pids[@]+"${instance_pids[@]}"}; do wait "$pid" 2>/dev/null || true; done
  instance_pids=()
}

# load OPTION…: a load on what was started last, as JSON in LOAD.
load() { LOAD=$("$DISCORDCTL" bench "${SUBJECT[@]}" --duration "${seconds}s" -o json "$@"); }

# of PATH: a number of the last load.
of() { jq "$1" <<<"$LOAD"; }

# resident PID: bytes of memory of its own.
resident() { awk '/^RssAnon|^RssFile/ { sum += $2 } END { print sum * 1024 }' "/proc/$1/status"; }
own_memory() { awk '/^RssAnon/ { print $2 * 1024 }' "/proc/$1/status"; }

# result SUITE WHAT UNIT VALUE [REFERENCE_NAME REFERENCE_VALUE]
result() {
  jq -nc --arg suite "$1" --arg what "$2" --arg unit "$3" --argjson value "$4" \
    --arg reference "${5:-}" --argjson beside "${6:-null}" \
    '{suite: $suite, what: $what, unit: $unit, value: $value, reference: $reference, beside: $beside}' \
    >>"$results"
  say "  $2: $4 $3${5:+   ($5: $6)}"
}

# point PLOT SERIES X Y: one point of a plot.
point() {
  jq -nc --arg plot "$1" --arg series "$2" --argjson x "$3" --argjson y "$4" \
    '{plot: $plot, series: $series, x: $x, y: $y}' >>"$results"
  say "  $1, $2: $3 -> $4"
}
