# shellcheck shell=bash
# Throughput, latency and size, each beside what this machine can do at all.
# Sourced by benches/run, which sets runs, seconds, out and results.
# shellcheck disable=SC2154

suite_targets() {
  local run
  for run in $(seq "$runs"); do
    say "run $run of $runs"
    for kind in sqlite postgres; do
      fan_out "$kind"
      latency "$kind"
      commits "$kind"
      behind "$kind"
    done
    publishing
    across
    at_rest
  done
}

# Deliveries to 200 readers of one room, beside a bare fan-out of the same bytes.
fan_out() {
  local kind=$1 bare transport
  fresh_database "$kind"
  start_instance
  for transport in tcp sse ws; do
    load --connections 200 --senders 10 --window 40 --reference fanout
    bare=$(of .delivered_per_second)
    load --connections 200 --senders 10 --window 40 --transport "$transport"
    result targets "$kind: deliveries, 200 readers over $transport, 10 senders with 40 in flight" /s \
      "$(of .delivered_per_second)" 'bare fan-out' "$bare"
  done
  load --connections 200 --senders 10 --window 10
  result targets "$kind: messages, 200 TCP readers, 10 senders with 10 in flight" /s \
    "$(of .committed_per_second)"
  stop_instances
}

# 20 messages a second to 200 readers, beside a fan-out that stores nothing.
latency() {
  local kind=$1 bare50 bare99
  fresh_database "$kind"
  start_instance
  load --connections 200 --senders 1 --rate 20 --reference fanout
  bare50=$(of .delivery_ms.p50) bare99=$(of .delivery_ms.p99)
  load --connections 200 --senders 1 --rate 20
  result targets "$kind: 20 messages/s to 200 TCP readers, P50" ms "$(of .delivery_ms.p50)" \
    'bare fan-out' "$bare50"
  result targets "$kind: 20 messages/s to 200 TCP readers, P99" ms "$(of .delivery_ms.p99)" \
    'bare fan-out' "$bare99"
  stop_instances
}

# Commits: many senders beside the database's batches, one beside its single rows.
commits() {
  local kind=$1 batches bundled rows tool
  fresh_database "$kind"
  case $kind in
    sqlite)
      tool='sqlite3, one row' bundled='sqlite3, 200 rows a transaction'
      rows=$(single_rows) batches=$(batched_rows)
      ;;
    postgres)
      tool='pgbench -c1, one row' bundled='pgbench, 200 rows a transaction'
      psql_ -d "$DB" -f benches/prepare.sql
      batches=$(rate_of 200 "$(pgbench_ -c 2 -T "$seconds" -f benches/batch.sql "$DB")")
      rows=$(rate_of 1 "$(pgbench_ -c 1 -T "$seconds" -f benches/row.sql "$DB")")
      ;;
  esac
  start_instance
  load --connections 10 --rooms 10 --senders 100 --window 10
  result targets "$kind: committed, 100 senders with 10 in flight, 10 rooms" /s \
    "$(of .committed_per_second)" "$bundled" "$batches"
  load --connections 1 --senders 1 --window 1
  result targets "$kind: committed, one sender with one in flight" /s \
    "$(of .committed_per_second)" "$tool" "$rows"
  stop_instances
}

# Single rows a second that sqlite3 commits as the program does, in a file of its own.
single_rows() {
  local count=2000 began
  began=$(date +%s%N)
  {
    echo 'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE messages (content TEXT);'
    printf "INSERT INTO messages VALUES (printf('%%100d', %d));\n" $(seq "$count")
  } | sqlite3 "$work/$DB.reference" >/dev/null
  echo $((count * 1000000000 / ($(date +%s%N) - began)))
}

# What benches/batch.sql does, on the program's own tables in a file of their own.
batched_rows() {
  local file=$work/$DB.batches count=500 began n
  {
    cat migrations/sqlite/V*.sql
    echo "PRAGMA journal_mode = WAL; INSERT INTO users (nickname) VALUES ('reference');"
    printf "INSERT INTO rooms (name) VALUES ('reference-%d');\n" {1..10}
  } | sqlite3 "$file" >/dev/null
  began=$(date +%s%N)
  {
    echo 'PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;'
    for n in $(seq "$count"); do
      echo "BEGIN IMMEDIATE; UPDATE rooms SET last_seq = last_seq + 200 WHERE id = 1 + $n % 10;
        INSERT INTO messages (room_id, seq, user_id, content)
          WITH RECURSIVE line (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM line WHERE n < 200)
          SELECT id, last_seq - 200 + n, 1, printf('%100d', n) FROM rooms, line WHERE id = 1 + $n % 10;
        COMMIT;"
    done
  } | sqlite3 "$file" >/dev/null
  echo $((count * 200 * 1000000000 / ($(date +%s%N) - began)))
}

# A reader that asks for 10,000 messages of the past.
behind() {
  local kind=$1 count=10000 began
  fresh_database "$kind"
  start_instance
  seconds=2 load --connections 1 --senders 10 --window 40
  began=$(date +%s%N)
  # It ends when it has them, and curl with it.
  curl -sN "http://127.0.0.1:$HTTP/api/messages/bench-0000?after=1" 2>/dev/null |
    awk -v count="$count" '/^id:/ && ++n == count { exit }' || true
  result targets "$kind: 10,000 messages of the past, read" s \
    "$(jq -n "($(date +%s%N) - $began) / 1e9")"
  stop_instances
}

# rate_of ROWS TEXT: rows a second, of what pgbench printed.
rate_of() { awk -v rows="$1" '/^tps = / { print $3 * rows }' <<<"$2"; }

# Messages a second between three instances that write to one room, beside Redis alone.
publishing() {
  local bare
  bare=$("$(redis_bin | sed 's/-server$/-benchmark/')" -h 127.0.0.1 -p "$REDIS_PORT" -q -c 3 -n 100000 \
    PUBLISH room:bench "$(printf '%200s' x)" | tr '\r' '\n' |
    awk '/requests per second/ { for (i = 1; i <= NF; i++) if ($(i + 1) == "requests") print $i }' | tail -n 1)
  fresh_database postgres
  start_several 3
  load --connections 3 --senders 30 --window 40
  result targets 'three instances write to one room: committed' /s "$(of .committed_per_second)" \
    'redis-benchmark publish' "$bare"
  stop_instances
}

# 45 messages a second over three instances, with Redis and without; and how long health looks at them.
across() {
  local bus began p
  fresh_database postgres
  start_several 3
  began=$(date +%s%N)
  "$DISCORDCTL" health "${SUBJECT[@]}" >/dev/null || true
  result targets 'health of three instances' ms "$((($(date +%s%N) - began) / 1000000))"
  for bus in up down; do
    if [ "$bus" = down ]; then
      kill -KILL "$redis_pid"
      wait "$redis_pid" || true
    fi
    load --connections 30 --senders 3 --rate 15
    for p in p50 p95 p99; do
      result targets "three instances, 45 messages/s, Redis $bus: delivered, ${p^^}" ms "$(of ".delivery_ms.$p")"
    done
  done
  redis_start "$work" "$REDIS_PORT"
  redis_pid=$STARTED_PID
  stop_instances
}

# Start, size, and memory of an instance and of its idle connections.
at_rest() {
  local before transport count=1000 began ended
  fresh_database sqlite
  start_instance
  stop_instances
  result targets 'start on an existing database, to a connection' ms "$(time_to_start)"
  start_instance
  result targets 'resident, nobody connected' MB "$(resident "$SERVER_PID" | awk '{ print $1 / 1e6 }')"
  stop_instances
  for transport in tcp sse ws; do
    fresh_database sqlite
    start_instance
    before=$(own_memory "$SERVER_PID")
    "$DISCORDCTL" bench --tcp-port "$TCP" --http-port "$HTTP" --connections "$count" --senders 0 \
      --transport "$transport" --duration 3s -o json >/dev/null &
    idle=$!
    wait_ready "$idle" 20 connected "$count"
    result targets "an idle connection over $transport, at $count" KiB \
      "$(own_memory "$SERVER_PID" | awk -v before="$before" -v n="$count" '{ print ($1 - before) / n / 1024 }')"
    wait "$idle"
    stop_instances
  done
  result targets 'the program' MB "$(wc -c <"$DISCORDCTL" | awk '{ print $1 / 1e6 }')"
}

# Milliseconds from the start of the process to the first connection that it takes.
time_to_start() {
  local port pid began ended
  port=$(free_port)
  began=$(date +%s%N)
  DISCORDCTL_DB_URL=$DB_URL "$DISCORDCTL" serve --tcp-port "$port" --http-port 0 --data-dir "$work/$port" \
    >"$work/$port.out" 2>"$work/$port.log" &
  pid=$!
  until port_taken "$port"; do kill -0 "$pid"; done
  ended=$(date +%s%N)
  kill -TERM "$pid"
  wait "$pid"
  echo $(((ended - began) / 1000000))
}

# connected COUNT: whether so many are.
connected() {
  [ "$(curl -s "http://127.0.0.1:$HTTP/metrics" | jq .active_connections)" -ge "$1" ]
}
