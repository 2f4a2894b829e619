# shellcheck shell=bash
# A million messages of one room out of the database and back, beside what the database's own tool
# needs for it, and what chat notices of that.
# Sourced by benches/run, which sets runs, seconds, out and results.
# shellcheck disable=SC2154

history_rows=1000000

suite_history() {
  local run kind
  for run in $(seq "$runs"); do
    say "run $run of $runs"
    for kind in sqlite postgres; do
      out_and_in "$kind"
      beside_chat "$kind"
    done
  done
}

# Nobody but the command at the database.
out_and_in() {
  local kind=$1 plain_out plain_in tool
  case $kind in
    sqlite) tool='sqlite3, CSV' ;;
    postgres) tool='psql \copy' ;;
  esac
  fresh_database "$kind"
  fill_history "$kind"
  took "copy_out_$kind"
  plain_out=$TOOK
  took archive_to one --keep-rows
  figures "$kind: archive --keep-rows" "$tool out" "$plain_out"
  forget_archive "$kind"
  took archive_to two
  figures "$kind: archive, with deletion" "$tool out" "$plain_out"
  took archive_to two verify
  figures "$kind: archive verify"
  empty_history "$kind"
  took "copy_in_$kind"
  plain_in=$TOOK
  empty_history "$kind"
  took "$DISCORDCTL" replay "$work/two/rooms" --db-url "$DB_URL"
  figures "$kind: replay" "$tool in" "$plain_in"
  [ "$(history_count "$kind")" -ge $((history_rows - 10)) ] || die 70 "replay left messages out"
  tidy_history
}

# What a send costs while messages leave.
beside_chat() {
  local kind=$1 what
  fresh_database "$kind"
  fill_history "$kind"
  DISCORDCTL_RETENTION_SCHEDULE=off DISCORDCTL_ARCHIVE_SCHEDULE=off start_instance
  for what in idle archive cleanup; do
    busy=''
    case $what in
      archive) archive_to one --keep-rows & busy=$! ;;
      cleanup) trim_meanwhile & busy=$! ;;
    esac
    load --connections 20 --senders 1 --rate 20
    if [ -n "$busy" ]; then wait "$busy"; fi
    result history "$kind: 20 messages/s to 20 readers, acknowledged within, P99, $what" ms \
      "$(of .ack_ms.p99)"
  done
  stop_instances
  tidy_history
}

# For as long as the load runs: making way for chat, it may take long. 1 says that there is more.
trim_meanwhile() {
  "$DISCORDCTL" cleanup --no-archive --yes --max-run "${seconds}s" --db-url "$DB_URL" >/dev/null ||
    [ $? -eq 1 ]
}

# Files of a gigabyte need not wait for the end of all suites.
tidy_history() {
  case $DB_URL in
    sqlite:*) rm -f "$work/$DB.db"* ;;
    *) psql_ -c "DROP DATABASE $DB WITH (FORCE)" ;;
  esac
  rm -rf "$work/one" "$work/two" "$work/rows.csv"
}

archive_to() {
  local folder=$1
  shift
  if [ "${1:-}" != verify ]; then set -- run --older-than 1d "$@"; fi
  DISCORDCTL_ARCHIVE_URL=file:$work/$folder "$DISCORDCTL" archive --db-url "$DB_URL" "$@" >/dev/null
}

# took COMMAND…: seconds in TOOK, the most that it had resident in PEAK, in KiB.
took() {
  local began ended pid seen
  PEAK=0
  began=$(date +%s%N)
  "$@" >/dev/null &
  pid=$!
  while seen=$(most_resident "$pid") && [ -n "$seen" ]; do
    [ "$seen" -le "$PEAK" ] || PEAK=$seen
    sleep 0.02
  done
  wait "$pid"
  ended=$(date +%s%N)
  TOOK=$(awk -v ns=$((ended - began)) 'BEGIN { print ns / 1e9 }')
}

# most_resident PID: of it or, where it is a shell of ours, of what it started; nothing at its end.
most_resident() {
  local child=''
  read -r child _ 2>/dev/null <"/proc/$1/task/$1/children" || true
  awk '/^VmHWM/ { print $2 }' "/proc/${child:-$1}/status" 2>/dev/null
}

# figures WHAT [REFERENCE SECONDS]
figures() {
  result history "$1" /s "$(rate "$TOOK")" ${2:+"$2" "$(rate "$3")"}
  result history "$1: most resident" MiB "$(awk -v kib="$PEAK" 'BEGIN { printf "%.1f", kib / 1024 }')"
}

rate() { awk -v rows="$history_rows" -v s="$1" 'BEGIN { printf "%.0f", rows / s }'; }

# In one room and one month, long ago, by ten people; 100 bytes each.
fill_history() {
  local hundred
  case $1 in
    postgres)
      psql_ -d "$DB" <<SQL
INSERT INTO users (nickname) SELECT 'author' || n FROM generate_series(1, 10) n;
INSERT INTO rooms (name) VALUES ('past');
INSERT INTO messages (room_id, seq, user_id, content, created_at)
  SELECT r.id, n, (SELECT min(id) FROM users) + n % 10, rpad('stored message ' || n, 100, ' and so on'),
    timestamptz '2024-01-01' + n * interval '2 seconds'
  FROM rooms r, generate_series(1, $history_rows) n WHERE r.name = 'past';
UPDATE rooms SET last_seq = $history_rows WHERE name = 'past';
VACUUM ANALYZE messages;
CHECKPOINT;
SQL
      ;;
    sqlite)
      # The instance makes the schema.
      start_instance
      stop_instances
      hundred="substr('stored message ' || n || replace(hex(zeroblob(45)), '00', ' on'), 1, 100)"
      sqlite3 "$work/$DB.db" >/dev/null <<SQL
WITH RECURSIVE count(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < 10)
  INSERT INTO users (nickname) SELECT 'author' || n FROM count;
INSERT INTO rooms (name) VALUES ('past');
INSERT INTO messages (room_id, seq, user_id, content, created_at)
  WITH RECURSIVE count(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < $history_rows)
  SELECT r.id, n, (SELECT min(id) FROM users) + n % 10, $hundred,
    strftime('%Y-%m-%dT%H:%M:%fZ', 1704067200 + n * 2, 'unixepoch')
  FROM rooms r, count WHERE r.name = 'past';
UPDATE rooms SET last_seq = $history_rows WHERE name = 'past';
PRAGMA wal_checkpoint(TRUNCATE);
SQL
      ;;
  esac
}

copy_out_postgres() { psql_ -d "$DB" -c "\\copy messages TO '$work/rows.csv'"; }

copy_in_postgres() { psql_ -d "$DB" -c "\\copy messages FROM '$work/rows.csv'"; }

copy_out_sqlite() {
  sqlite3 -csv "$work/$DB.db" 'SELECT * FROM messages' >"$work/rows.csv"
}

copy_in_sqlite() {
  sqlite3 "$work/$DB.db" 'PRAGMA foreign_keys = ON' ".import --csv $work/rows.csv messages"
}

history_count() {
  case $1 in
    postgres) psql_ -d "$DB" -c 'SELECT count(*) FROM messages' ;;
    sqlite) sqlite3 "$work/$DB.db" 'SELECT count(*) FROM messages' ;;
  esac
}

# forget_archive KIND: so that the next begins at the first message again.
forget_archive() {
  case $1 in
    postgres) psql_ -d "$DB" -c 'DELETE FROM room_archive' ;;
    sqlite) sqlite3 "$work/$DB.db" 'DELETE FROM room_archive' ;;
  esac
}

empty_history() {
  case $1 in
    postgres) psql_ -d "$DB" -c 'TRUNCATE messages' -c 'VACUUM messages' -c CHECKPOINT ;;
    sqlite) sqlite3 "$work/$DB.db" 'DELETE FROM messages' VACUUM 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null ;;
  esac
}
