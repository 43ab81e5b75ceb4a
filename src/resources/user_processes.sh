# The processes of the user $user where his home is not $wanted: `NAME (PID)` a line, of at most five.
while IFS=: read -r name _ _ _ _ home _; do
  if [ "$name" != "$user" ] || [ "$home" = "$wanted" ]; then continue; fi
  for process in $(find /proc -maxdepth 1 -name '[0-9]*' -user "$user" | head -n 5); do
    echo "$(cat "$process/comm") (${process#/proc/})"
  done
done </etc/passwd
