# shellcheck shell=bash
# Processes that outlive the script that started them, known by id and moment of birth.
# Sourced after common.sh, never run. A record is one line in a file: PID PORT IDENTITY.

# Something that no other process with the same id has: the boot and the start time.
process_identity() {
  local boot='' stat
  if [ -r "/proc/$1/stat" ]; then
    # The name in parentheses may hold anything: what counts begins after the last of them.
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    stat=${stat##*) }
    # A zombie has ended.
    case $stat in Z*) return 1 ;; esac
    boot=$(cat /proc/sys/kernel/random/boot_id)
    # shellcheck disable=SC2086 # fields
    set -- $stat
    printf '%s-%s\n' "$boot" "${20}"
  else
    stat=$(ps -o lstart= -p "$1" 2>/dev/null) || return 1
    printf '%s\n' "$stat" | tr -s ' ' '_'
  fi
}

# record_process FILE PID PORT
record_process() {
  local identity
  identity=$(process_identity "$2") || return 1
  printf '%s %s %s\n' "$2" "$3" "$identity" >"$1.new"
  mv "$1.new" "$1"
}

# read_record FILE: sets PID and PORT if the process it names is still that very process.
read_record() {
  local identity
  PID='' PORT=''
  [ -r "$1" ] || return 1
  # shellcheck disable=SC2034 # the caller reads PORT
  read -r PID PORT identity <"$1" || return 1
  case $PID in '' | *[!0-9]*) return 1 ;; esac
  [ "$(process_identity "$PID" || true)" = "$identity" ]
}
