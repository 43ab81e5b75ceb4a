# What lets the two instances of $program take turns between applies; before it stand rolling.sh, what it wants of whoever
# runs them, and what it works on: `first` and `second` say which instance is meant, `turned` is the switch, `turned_text`
# what it holds, `drain` and `within` are seconds. Who runs them defines besides, for the instance that is meant:
#   is_up            it runs, or is about to
#   about_instance   `process NAME` or `unit NAME` where its file is there; `log LABEL KEY` for what it logs

# put_file: its file is there.
put_file() {
  fresh=${file%/*}/.${file##*/}.hostwright-new~
  rm -f -- "$fresh"
  (umask 077 && printf '%s' "$text" >"$fresh") && chmod "$file_mode" -- "$fresh" && sync -- "$fresh" && mv -fT -- "$fresh" "$file"
}

# find_turn: who takes over, and from whom, as the plan of an apply finds it. From nobody where none runs: then the one
# that has the requests comes up again.
find_turn() {
  leaving=first arriving=second
  if [ -e "$turned" ]; then leaving=second arriving=first; fi
  "$leaving"
  if is_up; then return; fi
  "$arriving"
  if is_up; then
    arriving=$leaving
    if [ "$arriving" = first ]; then leaving=second; else leaving=first; fi
  else
    arriving=$leaving
    leaving=
  fi
}

# give WHICH: it gets the requests.
give() {
  if [ "$1" = first ]; then turn "$turned" ''; else turn "$turned" "$turned_text"; fi
}

restart() {
  find_turn
  loaded_as=
  if [ -n "$leaving" ]; then
    "$leaving"
    loaded_as=$base/loaded/$stamp old_port=$port
  fi
  "$arriving"
  if ! { put_file && arrive "$port" "$within" "$to_start" && give "$arriving"; }; then
    [ -n "$leaving" ] || return 1
    rm -f -- "$file"
    end_instance
    echo "the instance at port $old_port has served all the time"
    return 1
  fi
  [ -n "$leaving" ] || return 0
  # It runs from what the other one was started from.
  if [ -e "$loaded_as" ]; then cp -- "$loaded_as" "$base/loaded/.new" && mv -fT -- "$base/loaded/.new" "$base/loaded/$stamp"; fi
  "$leaving"
  drained "$port" "$drain"
  rm -f -- "$file"
  end_instance || echo "note: the instance at port $port could not be ended"
}

case ${1-} in
about)
  for which in first second; do
    "$which"
    printf 'called\t%s\n' "$called"
    about_instance
  done
  ;;
restart)
  # It goes on when nobody listens any more.
  trap '' HUP PIPE
  # Whoever holds the lock for us hands it on.
  if [ "$(readlink "/proc/$$/fd/9")" != "$base/lock" ]; then
    exec 9>>"$base/lock"
    if ! flock -w 5 9; then
      echo "a run goes on, which may do the same: $program was not restarted"
      exit 75
    fi
  fi
  restart
  ;;
*)
  echo "usage: $0 restart|about" >&2
  exit 64
  ;;
esac
