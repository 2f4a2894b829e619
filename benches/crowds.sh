# shellcheck shell=bash
# Very many people, and people who are a burden: the others must not notice them.
# Sourced by benches/run, which sets runs, seconds, out and results.
# shellcheck disable=SC2154

suite_crowds() {
  local run
  for run in $(seq "$runs"); do
    say "run $run of $runs"
    ten_thousand
    burdens
  done
}

# Connected, and talked through, one message a second.
ten_thousand() {
  local bare
  fresh_database sqlite
  start_instance
  # Both of its ends are in one process, which often may not have more than 20,000 files.
  load --connections 9900 --senders 1 --rate 1 --reference fanout
  bare=$(of .delivery_ms.max)
  load --connections 10000 --senders 1 --rate 1
  result crowds '10,000 TCP connections, until all are there' s "$(of .connect_seconds)"
  result crowds 'one message to all of 10,000, until the last has it' ms "$(of .delivery_ms.max)" \
    'bare fan-out to 9,900' "$bare"
  stop_instances
}

# 200 readers by themselves, then beside a thousand who take 4 KiB a second of 40 KB, then beside a
# thousand who say nothing, or half a request.
burdens() {
  # The kernel takes what a slow reader is given for as long as there is room: then it is slow.
  local alone before shape=(--connections 200 --senders 1 --rate 20 --size 2000 --warmup 8s)
  fresh_database sqlite
  start_instance
  load "${shape[@]}"
  alone=$(of .delivery_ms.p99)
  before=$(own_memory "$SERVER_PID")
  load "${shape[@]}" --slow 1000
  result crowds 'P99 of 200 readers beside 1,000 slow ones' ms "$(of .delivery_ms.p99)" alone "$alone"
  result crowds 'the most memory of its own that 1,000 slow readers cost' MB \
    "$(own_memory_at_most "$SERVER_PID" | awk -v before="$before" '{ print ($1 - before) / 1e6 }')"
  load "${shape[@]}" --silent 1000
  result crowds 'P99 of 200 readers beside 1,000 silent connections' ms "$(of .delivery_ms.p99)" alone "$alone"
  stop_instances
}

# The most that a process had resident, less what is of files now.
own_memory_at_most() {
  awk '/^VmHWM/ { most = $2 } /^RssFile/ { files = $2 } END { print (most - files) * 1024 }' "/proc/$1/status"
}
