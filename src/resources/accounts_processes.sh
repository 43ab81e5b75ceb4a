# processes FIND-TEST...: those that pass it, at most fifty, `NAME (PID)` a line, with ` of UNIT` where systemd knows it
# (cgroups(7): of version 2, or of its own hierarchy).
processes() {
  for process in $(find /proc -maxdepth 1 -name '[0-9]*' "$@" | head -n 50); do
    name=$(cat "$process/comm" 2>/dev/null) || continue
    unit=$(sed -n 's,^\(0:\|[0-9]*:name=systemd\):.*/\([^/]*\.\(service\|scope\)\).*, of \2,p' "$process/cgroup" 2>/dev/null | head -n 1)
    printf '%s (%s)%s\n' "$name" "${process#/proc/}" "$unit"
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
