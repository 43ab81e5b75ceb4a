# Restarts, stops or starts ($verb) what $names names, a line each: programs of supervisor's or systemd units. What it
# comes to is said in frames:
#   unknown NAME KNOWN    nothing was done
#   busy RUN ABOUT        a run goes on; nothing was done
#   well NAME STATE       so it is now
#   ill NAME STATE        it is not as it was told to be; its last lines follow
#   end
newline='
'
tab=$(printf '\t')

# processes NAME: what supervisor calls the processes of a program, a line each.
processes() {
  printf '%s\n' "$supervised" | awk -F '\t' -v name="$1" '
    { split($1, is, ":") }
    $1 == name || is[1] == name || is[2] == name { print $1 }'
}

# unit_of NAME: the unit of that name, if systemd knows one. What is wrong with it, as that it is masked, systemd says.
unit_of() {
  case $1 in *.*) of=$1 ;; *) of=$1.service ;; esac
  case $(systemctl show -p LoadState --value -- "$of" 2>/dev/null) in '' | not-found) ;; *) echo "$of" ;; esac
}

# runs PROCESS...: their states and processes, a line each.
runs() {
  look | awk -F '\t' -v wanted=" $* " 'index(wanted, " " $1 " ") { print $2, $4, $1 }' | sort
}

# supervised_stay PROCESS...: whether they come up and stay up.
supervised_stay() {
  tries=10
  first=
  while :; do
    now=$(runs "$@")
    if printf '%s\n' "$now" | grep -qv '^RUNNING '; then return 1; fi
    [ "${first:=$now}" = "$now" ] || return 1
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || return 0
    sleep 0.2
  done
}

# program NAME PROCESS...
program() {
  named=$1
  shift
  said=$(supervisorctl "$verb" "$@" 2>&1) || true
  if case $verb in
    stop) ! runs "$@" | grep -q -e '^RUNNING ' -e '^STARTING ' -e '^STOPPING ' ;;
    *) supervised_stay "$@" ;;
    esac then
    say well "$named" "$(states "$@")"
    return
  fi
  say ill "$named" "$(
    states "$@"
    printf '%s\n' "$said"
    look | while IFS=$(printf '\t') read -r full _ _ _ _ out err; do
      case " $* " in *" $full "*) ;; *) continue ;; esac
      for log in "$err" "$out"; do
        [ -s "$log" ] || continue
        echo "the end of $log:"
        tail -n 20 -- "$log"
      done
    done
  )"
}

# states PROCESS...: in one line.
states() { runs "$@" | awk '{ text = text sep tolower($1) ($2 == "0" || $2 == "-" ? "" : ", process " $2); sep = "; " } END { print text }'; }

# service NAME UNIT
service() {
  since=$(date +%s)
  if said=$(systemctl "$verb" -- "$2" 2>&1) && case $verb in
    stop) ! systemctl is-active --quiet -- "$2" ;;
    *) stays "$2" ;;
    esac then
    say well "$1" "$(state_of "$2")"
    return
  fi
  say ill "$1" "$(
    state_of "$2"
    words "$2" "$said" "$since"
  )"
}

# takes_turns NAME: the program that lets instances take turns, whose name or one of whose instances' it is.
takes_turns() {
  for turns in $(turning "$1") $(turning "${1%[-@]*}"); do
    if [ "${turns##*/}" = "$1" ] || "$turns" about | grep -qxF -e "called$tab${1%.service}"; then
      echo "$turns"
      return
    fi
  done
}

# of_turns WORD PROGRAM: what `about` calls so.
of_turns() { "$2" about | sed -n "s/^$1$tab//p"; }

# rolled NAME PROGRAM: the other instance takes over.
rolled() {
  said=$("$2" restart 2>&1)
  how=$?
  if [ "$how" -eq 0 ]; then how=well; else how=ill; fi
  of_supervisor=$(of_turns process "$2")
  say "$how" "$1" "$(
    # shellcheck disable=SC2086 # a name each
    [ -z "$of_supervisor" ] || states $of_supervisor
    for unit in $(of_turns unit "$2"); do state_of "$unit"; done
    if [ "$how" = ill ]; then printf '%s\n' "$said"; else printf '%s\n' "$said" | grep '^note: '; fi
  )"
}

state_of() { systemctl show -p ActiveState,SubState --value -- "$1" | paste -s -d ' ' | sed 's/\(.*\) \(.*\)/\1 (\2)/'; }

# known: what can be named.
known() {
  printf '%s\n' "$supervised" | cut -f 1 | sed 's/^\([^:]*\):\1$/\1/'
  declared_units | sed 's/\.service$//'
}

# quoted WORD...: as sh reads them again.
quoted() {
  for word; do printf "'%s' " "$(printf %s "$word" | sed "s/'/'\\\\''/g")"; done
}

for generation in $(newest); do frame bundle "$base/generations/$generation/bundle.json" "$generation"; done
supervised=$(if command -v supervisorctl >/dev/null; then look; fi)
todo=
while IFS= read -r name; do
  turns=$(takes_turns "$name")
  if [ -n "$turns" ] && [ "$verb" = restart ]; then
    todo="$todo$(quoted rolled "$name" "$turns")$newline"
  elif [ -n "$turns" ]; then
    # shellcheck disable=SC2046 # a name each
    of_supervisor=$(of_turns process "$turns")
    # shellcheck disable=SC2086 # a name each
    [ -z "$of_supervisor" ] || todo="$todo$(quoted program "$name" $of_supervisor)$newline"
    for unit in $(of_turns unit "$turns"); do todo="$todo$(quoted service "$name" "$unit")$newline"; done
  elif [ -n "$(processes "$name")" ]; then
    # shellcheck disable=SC2046 # a name each
    todo="$todo$(quoted program "$name" $(processes "$name"))$newline"
  elif [ -n "$(unit_of "$name")" ]; then
    todo="$todo$(quoted service "$name" "$(unit_of "$name")")$newline"
  else
    say unknown "$name" "$(known)"
    todo=
    break
  fi
done <<END
$names
END
# A host that has no place of hostwright's has no run.
held=$base/lock
[ -e "$held" ] || held=/dev/null
exec 9<"$held"
if [ -n "$todo" ] && [ "$held" != /dev/null ] && ! flock -w 5 9; then
  run=$(cat "$base/current")
  say busy "$run" "$(cat "$base/runs/$run/about")"
  todo=
fi
eval "$todo"
say end '' ''
