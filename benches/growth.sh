# shellcheck shell=bash
# What a message costs as readers, rooms, stored messages and instances grow. Flat is good.
# Sourced by benches/run, which sets runs, seconds, out and results.
# shellcheck disable=SC2154

suite_growth() {
  local run
  for run in $(seq "$runs"); do
    say "run $run of $runs"
    by_readers
    by_rooms
    by_history
    by_instances
  done
  plot 'processor time per delivery' 'readers of one room' 'microseconds'
  plot 'acknowledged within, P50, by rooms' 'rooms' 'milliseconds'
  plot 'acknowledged within, P50, by stored messages' 'stored messages' 'milliseconds'
  plot 'committed by instances' 'instances' 'messages a second'
}

# Server's processor time for one delivery. More readers, fewer messages: a run lasts as long.
by_readers() {
  local readers rate
  for readers in 10 100 1000 10000; do
    rate=$((200000 / readers))
    [ "$rate" -le 1000 ] || rate=1000
    fresh_database sqlite
    start_instance
    load --connections "$readers" --senders 1 --rate "$rate"
    point 'processor time per delivery' 'one sender, SQLite' "$readers" \
      "$(of '.server.cpu_seconds / .delivered * 1e6')"
    stop_instances
  done
}

# One sender a room, 100 messages a second over all of them.
by_rooms() {
  local rooms senders
  for rooms in 1 10 100 1000 10000; do
    senders=$((rooms < 100 ? rooms : 100))
    fresh_database sqlite
    start_instance
    load --connections "$rooms" --rooms "$rooms" --senders "$senders" \
      --rate "$(jq -n "100 / $senders")"
    point 'acknowledged within, P50, by rooms' 'SQLite' "$rooms" "$(of .ack_ms.p50)"
    stop_instances
  done
}

# The same load over more and more that is stored, all in the room that is talked in.
by_history() {
  local kind rows
  for kind in sqlite postgres; do
    fresh_database "$kind"
    for rows in 1000 100000 1000000 10000000; do
      fill "$kind" "$rows"
      start_instance
      load --connections 1 --senders 1 --rate 100
      point 'acknowledged within, P50, by stored messages' "$kind" "$rows" "$(of .ack_ms.p50)"
      stop_instances
    done
  done
}

# fill KIND ROWS: makes the room of the load hold so many messages.
fill() {
  local more="SELECT r.id, r.last_seq + n, 'stored message ' || n FROM rooms r"
  case $1 in
    postgres)
      psql_ -d "$DB" <<SQL
INSERT INTO rooms (name) VALUES ('bench-0000') ON CONFLICT DO NOTHING;
INSERT INTO messages (room_id, seq, content)
  $more, generate_series(1, $2 - r.last_seq) n WHERE r.name = 'bench-0000';
UPDATE rooms SET last_seq = (SELECT max(seq) FROM messages WHERE room_id = rooms.id) WHERE name = 'bench-0000';
ANALYZE messages;
SQL
      ;;
    sqlite)
      # The instance makes the schema.
      start_instance
      stop_instances
      sqlite3 "${DB_URL#sqlite://}" <<SQL
INSERT OR IGNORE INTO rooms (name) VALUES ('bench-0000');
INSERT INTO messages (room_id, seq, content)
  WITH RECURSIVE count(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < $2)
  $more, count WHERE r.name = 'bench-0000' AND n <= $2 - r.last_seq;
UPDATE rooms SET last_seq = (SELECT max(seq) FROM messages WHERE room_id = rooms.id) WHERE name = 'bench-0000';
SQL
      ;;
  esac
}

# Senders at one, two and three instances on one PostgreSQL and Redis, 30 rooms.
by_instances() {
  local count
  for count in 1 2 3; do
    fresh_database postgres
    start_several "$count"
    load --connections 30 --rooms 30 --senders 90 --window 10
    point 'committed by instances' 'PostgreSQL and Redis, 30 rooms' "$count" "$(of .committed_per_second)"
    stop_instances
  done
}

# plot NAME X_LABEL Y_LABEL: draws the medians of a plot.
plot() {
  local file
  file=$out/$(tr -cs 'A-Za-z0-9' '-' <<<"$1" | sed 's/^-//; s/-$//').svg
  jq -rs --arg plot "$1" 'def median: sort | .[length / 2 | floor];
    map(select(.plot == $plot)) | group_by(.series, .x)[] | [.[0].series, .[0].x, (map(.y) | median)] | @tsv' \
    "$results" | awk -F'\t' -v title="$1" -v xlabel="$2" -v ylabel="$3" -f benches/plot.awk >"$file"
}
