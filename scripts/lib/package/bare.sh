# shellcheck shell=bash
# A bare Debian to try a package in. Sourced by what scripts/test-package runs inside, never run.
# ROOT is its folder.

ROOT=$1

say() { printf '%s\n' "$*" >&2; }

failed() {
  say "FAILED: $*"
  for log in "$ROOT"/run/discordctl-test/*.log "$ROOT/tmp/said"; do
    if [ -s "$log" ]; then
      say "--- ${log##*/}"
      tail -n 15 "$log" >&2
    fi
  done
  exit 1
}

# good WHAT COMMAND…: the command must succeed. What the one before it said is in tmp/before.
good() {
  if [ -e "$ROOT/tmp/said" ]; then mv "$ROOT/tmp/said" "$ROOT/tmp/before"; fi
  "${@:2}" >"$ROOT/tmp/said" 2>&1 || failed "$1"
  say "  ok: $1"
}
enter() {
  ip link set lo up
  mount --bind "$ROOT" "$ROOT"
  mount -t proc proc /proc
  mount -t proc proc "$ROOT/proc"
  mount --bind /dev "$ROOT/dev"
  mount -t tmpfs tmpfs "$ROOT/run"
}

in_root() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive chroot "$ROOT" "$@"; }

# Everything in it that a package could leave: files but those of dpkg's own books, and accounts.
inventory() {
  (cd "$ROOT" && find . -xdev \( -path ./proc -o -path ./dev -o -path ./run -o -path ./tmp \
    -o -path ./var/lib/dpkg -o -path ./var/log -o -path ./var/cache -o -name '*-' \) -prune \
    -o -print | LC_ALL=C sort)
  sort "$ROOT/etc/passwd" "$ROOT/etc/group" "$ROOT/etc/gshadow"
}

# hears PORT ROOM WORDS [LINES…]: joins the room by lines, says LINES, and sees WORDS soon.
hears() {
  local lines=$ROOT/tmp/lines code=0 talker
  rm -f "$lines"
  mkfifo "$lines"
  nc 127.0.0.1 "$1" <"$lines" >"$ROOT/tmp/heard" 2>&1 &
  talker=$!
  {
    printf '/join %s\n' "$2" >&4
    if [ $# -gt 3 ]; then printf '%s\n' "${@:4}" >&4; fi
    eventually grep -q -F "$3" "$ROOT/tmp/heard" || code=1
  } 4>"$lines"
  kill "$talker" 2>/dev/null || true
  wait "$talker" 2>/dev/null || true
  return "$code"
}

# eventually COMMAND…: within 20 s.
eventually() {
  local tries=400
  until "$@" >/dev/null 2>&1; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || return 1
    sleep 0.05
  done
}
