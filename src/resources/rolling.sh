# What a run does with a program of which two instances take turns. `ready` is the path that a new one must answer (or
# tcp), `asker` is perl. Who runs them defines, for the instance that is meant at the time:
#   start_instance SECONDS   it runs from what is on disk, within so many seconds; else says why not
#   halt_instance            it does not run
#   has_fallen               succeeds when it does not run, and will not by itself
#   tell_instance            its last words
#   end_instance             its file is gone: it stops, and is not known any more
#   resume_instance          it runs if its file is there

# holder PORT: who listens there.
holder() {
  ss -Hltnp "sport = :$1" | sed -n 's/.*users:(("\([^"]*\)",pid=\([0-9]*\).*/\1 (process \2)/p' | head -n 1
}

# arrive PORT SECONDS TO_START: the instance comes up, and is ready within so many seconds of that.
arrive() {
  halt_instance
  holding=$(holder "$1")
  if [ -n "$holding" ]; then
    echo "port $1 is held by $holding: no instance can listen there"
    return 1
  fi
  start_instance "$3" || return 1
  await "$1" "$2"
}

# await PORT SECONDS
await() {
  give_up=$(($(date +%s) + $2))
  until reply=$(perl -e "$asker" "$1" "$ready"); do
    if has_fallen; then
      tell_instance
      return 1
    fi
    if [ "$(date +%s)" -ge "$give_up" ]; then
      echo "it is not ready after $2 s: $reply"
      tell_instance
      return 1
    fi
    sleep 0.1
  done
}

# turn SWITCH TEXT: from here on requests go to the second instance, for which this file stands; without a text, to the
# first. It is not put back like other files: an undoing turns back when the old instance is ready again.
turn() {
  if [ -z "$2" ]; then
    rm -f -- "$1"
    return
  fi
  mkdir -p -- "${1%/*}"
  printf '%s\n' "$2" >"$1.new"
  sync -- "$1.new"
  mv -fT -- "$1.new" "$1"
}

# drained PORT SECONDS: nobody talks to the instance any more, and for half a second nobody has, or the time is over.
drained() {
  give_up=$(($(date +%s) + $2))
  calm=0
  while [ "$calm" -lt 5 ]; do
    talking=$(ss -Htn state established "sport = :$1" | wc -l)
    if [ "$talking" -eq 0 ]; then calm=$((calm + 1)); else calm=0; fi
    if [ "$(date +%s)" -gt "$give_up" ]; then
      echo "note: after $2 s the instance at port $1 still had $talking connections; they are cut"
      return 0
    fi
    sleep 0.1
  done
}
