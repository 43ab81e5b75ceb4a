# Measures what a host has left, in KiB. What is too little is said, and fails.

# enough LEFT NEEDED WHAT
enough() {
  [ "${1:-0}" -ge "$2" ] && return
  echo "$((${1:-0} / 1024)) MiB $3, and $(($2 / 1024)) MiB are needed"
  return 1
}

# disk NEEDED PATH
disk() {
  there=$2
  until [ -e "$there" ]; do
    there=${there%/*}
    there=${there:-/}
  done
  enough "$(df -Pk -- "$there" | awk 'NR == 2 { print $4 }')" "$1" "are free for $2"
}

# memory NEEDED
memory() {
  enough "$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)" "$1" "of memory are available"
}
