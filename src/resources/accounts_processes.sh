# processes FIND-TEST...: those that pass it, `NAME (PID)` a line, of at most five.
processes() {
  for process in $(find /proc -maxdepth 1 -name '[0-9]*' "$@" | head -n 5); do
    echo "$(cat "$process/comm") (${process#/proc/})"
  done
}
# of_user USER HOME UID: his processes, where his home or number is another than these; an empty word is any.
of_user() {
  while IFS=: read -r name _ uid _ _ home _; do
    [ "$name" = "$1" ] || continue
    if [ "${2:-$home}" = "$home" ] && [ "${3:-$uid}" = "$uid" ]; then continue; fi
    processes -user "$1"
  done </etc/passwd
}
