# shellcheck shell=bash
# A million messages in a hundred rooms, of texts that are on this machine, one in twenty in Japanese: how long
# an index takes and how large it is, what the newest 20 hits take, and whether what a plain scan finds
# is found. Beside it what the databases bring: FTS5 with its two tokenizers, GIN with the configuration `simple`.
# Sourced by benches/run, which sets runs, seconds, out and results.
# shellcheck disable=SC2154

said_rows=${SEARCH_ROWS:-1000000}
# Of each kind so many are asked for, each so often.
asked_kinds=25 asked_times=40

suite_search() {
  local run kind
  said=$work/said.tsv queries=$work/queries
  say "making $said_rows messages"
  said_by_people >"$said"
  said_bytes=$(cut -f6- "$said" | wc -c)
  said_bytes=$((said_bytes - said_rows))
  result search "a message, mean" B "$(ratio "$said_bytes" "$said_rows")"
  mkdir -p "$queries"
  choose_queries
  for run in $(seq "$runs"); do
    say "run $run of $runs"
    for kind in sqlite postgres; do
      fresh_database "$kind"
      "fill_said_$kind"
      index_and_ask "$kind"
      "beside_$kind"
      tidy_history
    done
  done
}

# texts_here: lines of comments, changes and documentation.
texts_here() {
  git log --format='%s%n%b'
  find "${CARGO_HOME:-$HOME/.cargo}/registry/src" -name '*.rs' -print0 | sort -z |
    xargs -0 grep -hoE '^ *//[/!]? .*' | sed -E 's|^ *//[/!]? ||'
  find /usr/share/doc -type f ! -name '*.html' -size -2000k -print0 | sort -z | xargs -0 zcat -qf
}

# Everything is drawn with a seed, so that the same texts make the same messages.
said_by_people() {
  texts_here 2>/dev/null | LC_ALL=C tr -cd '\11\12\40-\176\200-\377' | LC_ALL=C.UTF-8 grep -axP '.*' |
    LC_ALL=C awk '{ $1 = $1; sub(/ +$/, "") } length > 2 && length < 400 {
      letters = $0; if (gsub(/[A-Za-z\200-\377]/, "", letters) > 0.62 * length) print }' |
    LC_ALL=C sort -u | shuf --random-source=<(yes discordctl) -n "$said_rows" |
    LC_ALL=C awk -v rows="$said_rows" -f benches/people.awk
}

# choose_queries: files of queries, one a line. A word is rare in 5 to 50 messages, medium in one of 200 to 1000.
choose_queries() {
  cut -f6- "$said" | LC_ALL=C grep -oE '[A-Za-z]{4,}' | tr '[:upper:]' '[:lower:]' | LC_ALL=C sort | uniq -c |
    sort -rn >"$work/words"
  words_between 50 5 | some rare $asked_kinds >"$queries/a rare word"
  words_between $((said_rows / 200)) $((said_rows / 1000)) | some medium $asked_kinds >"$queries/a medium word"
  head -n $asked_kinds "$work/words" | awk '{ print $2 }' >"$queries/a common word"
  words_between $((said_rows / 50)) $((said_rows / 1000)) >"$work/known"
  cut -f6- "$said" | some pairs 200000 | LC_ALL=C tr '[:upper:]' '[:lower:]' | LC_ALL=C awk -v known="$work/known" '
    BEGIN { while ((getline word < known) > 0) is[word] }
    { one = ""; for (i = 1; i <= NF; i++) if ($i in is) {
        if (one != "" && one != $i) { print one, $i; next } one = $i } }' |
    some pairs $asked_kinds >"$queries/two words"
  japanese_words '{2}' | some two $asked_kinds >"$queries/two characters"
}

# words_between MOST LEAST: the words that are said so often.
words_between() { awk -v most="$1" -v least="$2" '$1 <= most && $1 >= least { print $2 }' "$work/words"; }

# some SEED COUNT: some lines, always the same.
some() { shuf --random-source=<(yes "$1") -n "$2"; }

# japanese_words COUNT: what is written in so many Chinese characters or Katakana in a row.
japanese_words() {
  cut -f6- "$said" | some japanese 20000 |
    LC_ALL=C.UTF-8 grep -oP "(*UTF)[\x{4e00}-\x{9fff}\x{30a1}-\x{30fc}]$1" | LC_ALL=C sort -u
}

# index_and_ask KIND: an instance makes the index; then it is asked over HTTP, one request after the other.
index_and_ask() {
  local kind=$1 began asked found token
  began=$(date +%s%N)
  DISCORDCTL_LIMITS_REQUESTS_PER_MINUTE=0 DISCORDCTL_RETENTION_SCHEDULE=off DISCORDCTL_ARCHIVE_SCHEDULE=off \
    start_instance
  token=$(curl -sf "127.0.0.1:$HTTP/api/connect" --json '{"nickname":"asks"}' | jq -r .session_id)
  wait_indexed "$token"
  result search "$kind: messages put into the index, the instance's start included" /s \
    "$(awk -v rows="$said_rows" -v ns=$(($(date +%s%N) - began)) 'BEGIN { printf "%.0f", rows / ns * 1e9 }')"
  wait_merged
  result search "$kind: index, bytes for a byte of text" '' "$(ratio "$("index_bytes_$kind")" "$said_bytes")"
  result search "$kind: index with its table, bytes for a byte of text" '' \
    "$(ratio "$("table_bytes_$kind")" "$said_bytes")"
  result search "$kind: memory of its own, index made" MB "$(ratio "$(own_memory "$SERVER_PID")" 1000000)"
  for asked in "$queries"/*; do
    requests "$asked" 1 >"$work/requests"
    ask "$token" >/dev/null
    requests "$asked" $asked_times >"$work/requests"
    found=$(ask "$token" | sort -n | awk '{ t[NR] = $1 * 1000; if ($2 != 200) wrong++ }
      END { if (wrong) exit 1; print t[int((NR + 1) / 2)], t[int(NR * 0.99 + 0.5)] }')
    result search "$kind: ${asked##*/}, newest 20, P50" ms "${found% *}"
    result search "$kind: ${asked##*/}, newest 20, P99" ms "${found#* }"
  done
  recall "$kind" "$token"
  result search "$kind: memory of its own, after the queries" MB "$(ratio "$(own_memory "$SERVER_PID")" 1000000)"
  stop_instances
}

# wait_indexed TOKEN: until a search says that it looked at everything. An index that does not come is a fault.
wait_indexed() {
  local until=$((SECONDS + 900))
  while ! curl -sf -H "Authorization: Bearer $1" "127.0.0.1:$HTTP/api/search?q=whatwasneversaid" |
    jq -e .complete >/dev/null; do
    [ $SECONDS -lt $until ] || die 70 "the index is not there after 15 minutes"
    sleep 0.1
  done
}

# Until small packs have become large ones: none came or went for ten seconds.
wait_merged() {
  local packs='' before='' since=$SECONDS until=$((SECONDS + 300))
  while [ $((SECONDS - since)) -lt 10 ]; do
    packs=$(curl -sf "127.0.0.1:$HTTP/metrics" | jq .search_packs)
    if [ "$packs" != "$before" ]; then before=$packs since=$SECONDS; fi
    [ $SECONDS -lt $until ] || die 70 "packs still come and go after 5 minutes"
    sleep 0.2
  done
}

# requests FILE TIMES: as curl reads them.
requests() {
  jq -rR --argjson times "$2" --arg http "$HTTP" '
    "url = \"http://127.0.0.1:\($http)/api/search?limit=20&q=\(@uri)\"\noutput = /dev/null" as $one |
    range($times) | $one' "$1"
}

# ask TOKEN: the seconds and the status of each request, over one connection.
ask() { curl -s -H "Authorization: Bearer $1" -w '%{time_total} %{http_code}\n' -K "$work/requests"; }

# recall KIND TOKEN: 200 queries: of the messages that grep finds, how many are found.
recall() {
  local kind=$1 token=$2 query regex literal missed=0 all=0 count
  [ -s "$work/recall" ] || recall_queries >"$work/recall"
  while IFS=$'\t' read -r query literal regex; do
    cut -f6- "$said" | LC_ALL=C grep -niF -- "$literal" | LC_ALL=C.UTF-8 grep -iP -- "^\d+:.*$regex" | cut -d: -f1 |
      sort >"$work/expected" || true
    found_ids "$token" "$query" | sort >"$work/found"
    count=$(comm -23 "$work/expected" "$work/found" | wc -l)
    [ "$count" = 0 ] || say "  $query: $count of $(wc -l <"$work/expected") not found"
    missed=$((missed + count)) all=$((all + $(wc -l <"$work/expected")))
  done <"$work/recall"
  result search "$kind: found of what a scan finds by $(wc -l <"$work/recall") queries" % \
    "$(awk -v missed="$missed" -v all="$all" 'BEGIN { print 100 * (all - missed) / all }')"
}

# Words, phrases, beginnings, identifiers and Japanese; for each what a message has to contain, and by which regex.
recall_queries() {
  local word='(?<![\\pL\\pN])' end='(?![\\pL\\pN])'
  words_between 120 2 | some words 60 | awk -v w="$word" -v e="$end" '{ print $1 "\t" $1 "\t" w $1 e }'
  words_between 60 2 | awk 'length > 7 { print substr($1, 1, length - 2) }' | some starts 30 |
    awk -v w="$word" '{ print $1 "*\t" $1 "\t" w $1 }'
  cut -f6- "$said" | some phrases 20000 | grep -E '^[a-z ]{20,60}$' | some phrases 40 |
    awk -v w="$word" -v e="$end" '{ print "\"" $0 "\"\t" $0 "\t" w $0 e }'
  cut -f6- "$said" | some names 200000 | grep -oP '(?<![\w.:/@-])\w{2,}([._]\w+){1,3}(?![\w.:/@-])' |
    grep -vP '\d{4}' | LC_ALL=C sort -u | some names 30 |
    awk -v w="$word" -v e="$end" '{ r = $0; gsub(/\./, "[.]", r); print $0 "\t" $0 "\t" w r e }'
  japanese_words '{2,5}' | some japanese 40 |
    awk '{ print $0 "\t" $0 "\t" $0 }'
}

# found_ids TOKEN QUERY: the ids of all that is found, page by page.
found_ids() {
  local cursor='' page
  while :; do
    page=$(curl -sfG "127.0.0.1:$HTTP/api/search" -H "Authorization: Bearer $1" --data-urlencode "q=$2" \
      -d limit=100 ${cursor:+--data-urlencode "cursor=$cursor"}) || die 70 "'$2' was not answered"
    jq -r '.hits[].message.id' <<<"$page"
    cursor=$(jq -r '.next // ""' <<<"$page")
    [ -n "$cursor" ] || break
  done
}

ratio() { awk -v one="$1" -v other="$2" 'BEGIN { printf "%.3f", one / other }'; }

fill_said_sqlite() {
  "$DISCORDCTL" migrate up --db-url "$DB_URL" >/dev/null
  sqlite3 "$work/$DB.db" >/dev/null <<SQL
CREATE TEMP TABLE said (id INTEGER PRIMARY KEY, room INTEGER, seq INTEGER, user INTEGER, at INTEGER, text TEXT);
.mode ascii
.separator "\t" "\n"
.import $said said
INSERT INTO users (nickname) SELECT DISTINCT 'person' || user FROM said ORDER BY user;
INSERT INTO rooms (name, last_seq) SELECT 'room' || room, max(seq) FROM said GROUP BY room;
INSERT INTO messages (id, room_id, seq, number, user_id, content, created_at)
  SELECT s.id, r.id, s.seq, s.seq, u.id, s.text, strftime('%Y-%m-%dT%H:%M:%fZ', s.at / 1000.0, 'unixepoch')
  FROM said s JOIN rooms r ON r.name = 'room' || s.room JOIN users u ON u.nickname = 'person' || s.user ORDER BY s.id;
PRAGMA wal_checkpoint(TRUNCATE);
SQL
}

fill_said_postgres() {
  sed 's/\\/\\\\/g' "$said" >"$work/rows.csv"
  psql_ -d "$DB" <<SQL
CREATE TEMP TABLE said (id bigint, room int, seq bigint, person int, at bigint, text text);
\copy said FROM '$work/rows.csv'
INSERT INTO users (nickname) SELECT DISTINCT 'person' || person FROM said;
INSERT INTO rooms (name, last_seq) SELECT 'room' || room, max(seq) FROM said GROUP BY room;
INSERT INTO messages (id, room_id, seq, number, user_id, content, created_at) OVERRIDING SYSTEM VALUE
  SELECT s.id, r.id, s.seq, s.seq, u.id, s.text, to_timestamp(s.at / 1000.0)
  FROM said s JOIN rooms r ON r.name = 'room' || s.room JOIN users u ON u.nickname = 'person' || s.person ORDER BY s.id;
SELECT setval(pg_get_serial_sequence('messages', 'id'), $said_rows);
VACUUM ANALYZE;
CHECKPOINT;
SQL
}

index_bytes_sqlite() { sqlite3 "$work/$DB.db" 'SELECT sum(length(key) + length(data)) FROM search_blocks'; }
index_bytes_postgres() { psql_ -d "$DB" -c 'SELECT sum(length(key) + length(data)) FROM search_blocks'; }
table_bytes_sqlite() { pages_of "$work/$DB.db" '%search_blocks%'; }
table_bytes_postgres() { psql_ -d "$DB" -c "SELECT pg_total_relation_size('search_blocks')"; }

# pages_of FILE NAMES: bytes of the pages of tables and indexes.
pages_of() { sqlite3 "$1" "SELECT sum(pgsize) FROM dbstat WHERE name LIKE '$2' AND aggregate = TRUE"; }

# What FTS5 does: the same queries for the newest 20 rows of all rooms. Only means: its shell tells milliseconds.
beside_sqlite() {
  local kind file=$work/$DB.db asked began took
  for kind in unicode61 trigram; do
    began=$(date +%s%N)
    sqlite3 "$file" "CREATE VIRTUAL TABLE words USING fts5(content, content = 'messages', content_rowid = 'id',
      tokenize = '$kind'); INSERT INTO words (words) VALUES ('rebuild');"
    took=$(($(date +%s%N) - began))
    result search "FTS5 $kind: messages put into the index" /s \
      "$(awk -v rows="$said_rows" -v ns=$took 'BEGIN { printf "%.0f", rows / ns * 1e9 }')"
    result search "FTS5 $kind: index, bytes for a byte of text" '' \
      "$(ratio "$(pages_of "$file" 'words%')" "$said_bytes")"
    for asked in "$queries"/*; do
      fts_statements "$asked" >"$work/statements"
      sqlite3 "$file" <"$work/statements" >/dev/null
      began=$(date +%s%N)
      for _ in 1 2 3 4 5; do sqlite3 "$file" <"$work/statements" >/dev/null; done
      took=$(($(date +%s%N) - began))
      result search "FTS5 $kind: ${asked##*/}, newest 20, mean" ms \
        "$(awk -v ns=$took -v all="$(wc -l <"$work/statements")" 'BEGIN { printf "%.3f", ns / 5 / all / 1e6 }')"
    done
    result search "FTS5 $kind: found of two characters that are there" % "$(fts_found "$file")"
    sqlite3 "$file" 'DROP TABLE words'
  done
}

# fts_found FILE: of what contains two characters, how much is found by them.
fts_found() {
  local pair sql=''
  while read -r pair; do
    sql+="SELECT (SELECT count(*) FROM words ('\"$pair\"')), (SELECT count(*) FROM messages WHERE instr(content, '$pair'));"
  done < <(head -n 5 "$queries/two characters")
  sqlite3 -separator ' ' "$1" "$sql" | awk '{ found += $1; all += $2 } END { printf "%.1f", 100 * found / all }'
}

# What is shown of a hit.
shown_columns='m.id, m.content, u.nickname, r.name'
shown_joins='JOIN users u ON u.id = m.user_id JOIN rooms r ON r.id = m.room_id'

# fts_statements FILE: each query ten times.
fts_statements() {
  awk -v select="SELECT $shown_columns FROM words w JOIN messages m ON m.id = w.rowid $shown_joins WHERE words MATCH" '
    { words = ""; for (i = 1; i <= NF; i++) words = words "\"" $i "\" "
      for (n = 0; n < 10; n++) print select " '\''" words "'\'' ORDER BY w.rowid DESC LIMIT 20;" }' "$1"
}

# gin_statements FILE: each query four times, with its time.
gin_statements() {
  echo '\timing on'
  awk -v select="SELECT $shown_columns FROM messages m $shown_joins WHERE to_tsvector('simple', m.content) @@" '
    { for (n = 0; n < 4; n++)
        print select " plainto_tsquery('\''simple'\'', '\''" $0 "'\'') ORDER BY m.id DESC LIMIT 20;" }' "$1"
}

beside_postgres() {
  local asked began times
  began=$(date +%s%N)
  psql_ -d "$DB" -c "CREATE INDEX messages_words ON messages USING gin (to_tsvector('simple', content))"
  result search "GIN simple: messages put into the index" /s \
    "$(awk -v rows="$said_rows" -v ns=$(($(date +%s%N) - began)) 'BEGIN { printf "%.0f", rows / ns * 1e9 }')"
  result search "GIN simple: index, bytes for a byte of text" '' \
    "$(ratio "$(psql_ -d "$DB" -c "SELECT pg_relation_size('messages_words')")" "$said_bytes")"
  psql_ -d "$DB" -c 'VACUUM ANALYZE messages'
  for asked in "$queries"/*; do
    times=$(gin_statements "$asked" | psql_ -d "$DB" | awk '$1 == "Time:" { print $2 }' | sort -n |
      awk '{ t[NR] = $1 } END { print t[int((NR + 1) / 2)], t[int(NR * 0.99 + 0.5)] }')
    result search "GIN simple: ${asked##*/}, newest 20, P50" ms "${times% *}"
    result search "GIN simple: ${asked##*/}, newest 20, P99" ms "${times#* }"
  done
}
