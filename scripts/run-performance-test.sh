#!/usr/bin/env bash
# Load on running instances, in the words of the old performance test.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: scripts/run-performance-test.sh [OPTION OF 'discordctl bench'…]

Measures the instances of a config folder, or one by its ports:
  scripts/run-performance-test.sh --tcp-port 9001 --http-port 3001

  CONNECTIONS=10         readers, and as many senders
  DURATION=30            seconds
  MESSAGES_PER_SEC=5     from each sender
  DISCORDCTL=discordctl  the program
TEXT
}

case ${1:-} in
  -h | --help)
    usage
    exit 0
    ;;
esac

connections=${CONNECTIONS:-10}
where=(--config-dir config)
for argument in "$@"; do
  case $argument in
    --config | --config=* | --config-dir | --config-dir=* | --tcp-port | --tcp-port=*) where=() ;;
  esac
done

exec "${DISCORDCTL:-discordctl}" bench --connections "$connections" --senders "$connections" \
  --rate "${MESSAGES_PER_SEC:-5}" --duration "${DURATION:-30}s" ${where[@]+"${where[@]}"} "$@"
