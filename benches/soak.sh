# shellcheck shell=bash
# A fleet under half of what it can do, for long: people come, go and dawdle, history is archived and
# cleaned up, everything is restarted once, and then every message is counted.
# Sourced by benches/run, which sets minutes, out and results.
# shellcheck disable=SC2154,SC2034

SOAK_READERS=300 SOAK_SENDERS=12 SOAK_ROOMS=4 SOAK_SLOW=30
# Resident memory may be so much more at the end of an instance's life than in the middle of it.
SOAK_PERCENT=10 SOAK_MIB=4

suite_soak() {
  local half samples=$out/soak.csv wrong=''
  fresh_database postgres
  soak_fleet
  soak_calibrate
  half=$(of ".committed_per_second / 2 / $SOAK_SENDERS | . * 10 | round / 10")
  SOAK_ACKNOWLEDGED=$(of .committed)
  say "$(of '.committed_per_second | round') messages/s at most; $minutes minutes of $SOAK_SENDERS x $half/s"
  soak_sample "$samples" &
  sampler=$!
  soak_restart &
  local restart=$!
  seconds=$((minutes * 60))
  if ! load --warmup 0s --connections "$SOAK_READERS" --rooms "$SOAK_ROOMS" --senders "$SOAK_SENDERS" \
    --rate "$half" --transport mixed --reconnect 30s --slow "$SOAK_SLOW" --svg "$out/soak-latency.svg" \
    --csv "$out/soak-load.csv"; then
    soak_wrong "the load ended with errors or worse"
  fi
  printf '%s\n' "$LOAD" >"$out/soak-load.json"
  SOAK_ACKNOWLEDGED=$((SOAK_ACKNOWLEDGED + $(of .committed)))
  wait "$restart" || soak_wrong "the rolling restart, or what was said meanwhile, failed"
  kill "$sampler"
  wait "$sampler" 2>/dev/null || true
  sampler=''
  soak_draw "$samples"
  soak_verdict "$samples"
}

soak_wrong() {
  wrong="$wrong
  $*"
  say "WRONG: $*"
}

# Three instances in the background, with little history and busy schedules.
soak_fleet() {
  local n
  fleet=$work/soak/config
  mkdir -p "$fleet"
  for n in 1 2 3; do
    jq -n --arg id "instance-$n" --arg work "$work/soak" --arg db "$DB_URL" \
      --arg redis "redis://127.0.0.1:$REDIS_PORT" \
      --argjson tcp "$(free_port)" --argjson http "$(free_port)" '{
        instance_id: $id, tcp_port: $tcp, http_port: $http, db_url: $db, redis_url: $redis,
        data_dir: "\($work)/data", limits: {messages_per_minute: 0},
        retention: {min_age: "1m", keep_last: 1000, schedule: "*/2 * * * *"},
        archive: {url: "file:\($work)/archive", older_than: "2m", schedule: "1-59/3 * * * *"},
        thresholds: {
          messages_table: {warning: "2GB", critical: "4GB"},
          users_table: {warning: "1GB", critical: "2GB"},
          # A few rows, each rewritten with every commit.
          rooms_table: {warning: "20MB", critical: "40MB"}}}' >"$fleet/instance$n.json"
  done
  "$DISCORDCTL" start --config-dir "$fleet" >&2
  SUBJECT=(--config-dir "$fleet")
}

# As much as it takes, from as many senders to as many readers.
soak_calibrate() {
  seconds=15
  [ "$minutes" -ge 10 ] || seconds=5
  load --warmup 0s --connections "$SOAK_READERS" --rooms "$SOAK_ROOMS" --senders "$SOAK_SENDERS" \
    --window 40 --transport mixed
}

# In the middle everything is restarted, while others say things over HTTP, each under a nonce until
# it is acknowledged.
soak_restart() {
  sleep $((minutes * 30))
  "$DISCORDCTL" drill rolling-restart --live --yes --config-dir "$fleet" --messages 300 --kill-at 100 \
    --interval 100ms --logs "$out/soak-restart" -o json >"$out/soak-restart.json"
}

# soak_sample FILE: every ten seconds, what everything holds.
soak_sample() {
  local began=$SECONDS connections redis rows
  echo second,instance,pid,resident_kib,database_connections,redis_bytes,messages_bytes >"$1"
  while sleep 10; do
    connections=$(psql_ -c "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")
    rows=$(psql_ -d "$DB" -c "SELECT pg_total_relation_size('messages')")
    redis=$("$(redis_bin | sed 's/-server$/-cli/')" -p "$REDIS_PORT" info memory | tr -d '\r' |
      sed -n 's/^used_memory://p')
    "$DISCORDCTL" status --config-dir "$fleet" -o json | jq -r '.instances[] | [.instance, .pid] | @tsv' |
      while IFS=$'\t' read -r name pid; do
        kib=$(awk '/^VmRSS/ { print $2 }' "/proc/$pid/status" 2>/dev/null) || continue
        echo "$((SECONDS - began)),$name,$pid,$kib,$connections,$redis,$rows"
      done >>"$1"
  done
}

soak_draw() {
  awk -F, -v OFS='\t' 'NR > 1 { print $2, $1 / 60, $4 / 1024 }' "$1" | sort -s -k1,1 |
    awk -F'\t' -v linear=1 -v title='resident memory' -v xlabel=minutes -v ylabel=MiB \
      -f benches/plot.awk >"$out/soak-memory.svg"
}

# Says how it went; 1 if anything is not as it must be.
soak_verdict() {
  local samples=$1 config=$fleet/instance1.json check
  for check in lost repeated out_of_order; do
    [ "$(of ".$check")" = 0 ] || soak_wrong "$(of ".$check") $check"
  done
  soak_result 'sent' "$(of .sent)"
  soak_result 'committed' "$(of .committed)"
  soak_result 'delivered' "$(of .delivered)"
  soak_result 'acknowledged within, P99' "$(of .ack_ms.p99)" ms
  soak_result 'delivered within, P99' "$(of .delivery_ms.p99)" ms
  soak_result 'reconnections' "$(of .reconnects.resumed)"
  soak_result 'said under nonces during the restart' "$(jq .acknowledged "$out/soak-restart.json")"
  # Rates are those of the last minute, in which people still came back to instances that did not know
  # them yet.
  well() { "$DISCORDCTL" health --config-dir "$fleet"; }
  wait_ready $$ 90 well || { well >&2 || soak_wrong "the fleet is not well at the end"; }
  # Without schedules nothing moves any more; the rest of what was archived leaves the database.
  "$DISCORDCTL" stop --config-dir "$fleet" >/dev/null || soak_wrong "the fleet does not stop"
  "$DISCORDCTL" cleanup --config "$config" --yes >/dev/null || soak_wrong "the last clean-up failed"
  soak_count
  soak_memory "$samples" || soak_wrong "memory grew"
  "$DISCORDCTL" archive verify --config "$config" >&2 || soak_wrong "the archive is not what its manifest says"
  check=$(psql_ -d "$DB" -c "SELECT count(*) FROM job_runs WHERE result = 'failed'")
  [ "$check" = 0 ] || soak_wrong "$check jobs failed"
  psql_ -d "$DB" -c "SELECT job || ': ' || detail FROM job_runs WHERE result = 'failed'" | sed 's/^/  /' >&2
  psql_ -d "$DB" -c "SELECT job || ': ' || count(*) || ' ' || coalesce(result, 'under way')
    FROM job_runs GROUP BY job, result ORDER BY 1" | sed 's/^/  job /' >&2
  [ -z "$wrong" ] || die 2 "the soak failed:$wrong"
  say "the soak passed"
}

soak_result() { result soak "$1" "${3:-messages}" "$2"; }

# Every acknowledged message is in the database or in the archive, and once.
soak_count() {
  local stamps=$work/soak/stamps rows distinct
  {
    find "$work/soak/archive" -name 'bench-*.json' -exec grep -ho '"content":"[0-9a-f]\{24\}' {} + |
      cut -d '"' -f 4
    psql_ -d "$DB" -c "COPY (SELECT left(content, 24) FROM messages m JOIN rooms r ON r.id = m.room_id
      WHERE r.name LIKE 'bench-%') TO STDOUT"
  } >"$stamps"
  rows=$(wc -l <"$stamps")
  distinct=$(LC_ALL=C sort -u -S 256M -T "$work/soak" "$stamps" | wc -l)
  rm "$stamps"
  soak_result 'stored, in the database and in the archive' "$rows"
  say "  acknowledged: $SOAK_ACKNOWLEDGED, stored: $rows, different: $distinct"
  [ "$rows" = "$distinct" ] || soak_wrong "$((rows - distinct)) messages are stored twice"
  [ "$distinct" = "$SOAK_ACKNOWLEDGED" ] ||
    soak_wrong "$SOAK_ACKNOWLEDGED messages were acknowledged, and $distinct are stored"
}

# soak_memory FILE: for each process, its resident memory in the middle third of its life beside that
# of the last third; 1 if any has grown.
soak_memory() {
  awk -F, -v percent="$SOAK_PERCENT" -v mib="$SOAK_MIB" '
    function median(from, to,   i, j, t, n, v) {
      for (i = from; i <= to; i++) v[++n] = kib[life, i]
      for (i = 2; i <= n; i++) for (j = i; j > 1 && v[j] < v[j - 1]; j--) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
      return v[int((n + 1) / 2)] / 1024
    }
    NR > 1 { life = $2 ", pid " $3; if (!(life in count)) lives[++all] = life; kib[life, ++count[life]] = $4 }
    END {
      for (l = 1; l <= all; l++) {
        life = lives[l]; n = count[life]
        if (n < 18) { printf "  %s: lived too short to be judged\n", life; continue }
        middle = median(int(n / 3) + 1, int(2 * n / 3)); last = median(int(2 * n / 3) + 1, n)
        grown = last > middle * (1 + percent / 100) && last > middle + mib
        bad += grown
        printf "  %s: %.1f MiB in the middle third, %.1f in the last%s\n", life, middle, last, grown ? ": GROWN" : ""
      }
      exit bad > 0
    }' "$1" >&2
}
