# What a run does with programs of supervisor's. `file` declares them; `groups` are the groups that they may stand in;
# each line of `processes` is a pattern of group:name, whether it is started (yes, no), the statuses with which it may
# end for good (`-` for none), and whether supervisor calls it running at once (yes, no). `ask` is perl.

# look: what supervisord says of all processes, a line each: supervisor_status.pl.
look() {
  perl -e "$ask" 2>/dev/null || supervisorctl status 2>&1 | awk '{
    print $1 ~ /:/ ? $1 : $1 ":" $1, $2, "-", $3 == "pid" ? $4 + 0 : 0, "-", "-", "-"
  }'
}

# ours: the same of our processes, each line after what `processes` says of it.
ours() {
  { printf '%s\n\n' "$processes"; look; } | awk '
    !told { if ($0 == "") told = 1; else { pattern[++n] = $1; said[n] = $2 " " $3 " " $4 } next }
    {
      split($1, is, ":")
      for (i = 1; i <= n; i++) {
        split(pattern[i], own, ":")
        if ((own[1] == "*" || own[1] == is[1]) && (own[2] == "*" || own[2] == is[2])) { print said[i], $0; next }
      }
    }'
}

# answers: waits for a supervisord that was just started. It does not answer while its socket is named, not a program.
answers() {
  tries=50
  while :; do
    said=$(look)
    case $said in *://*) ;; *) return 0 ;; esac
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || break
    sleep 0.2
  done
  echo "supervisord does not answer: $said"
  return 1
}

# take: supervisor reads its files anew, and takes what changed of ours.
take() {
  said=$(supervisorctl reread 2>&1) || true
  case $said in
  *ERROR* | *rror:*)
    printf '%s\n' "$said"
    return 1
    ;;
  esac
  known=$(supervisorctl avail | awk '{ print $1 ~ /:/ ? $1 : $1 ":" $1 }')
  changed=$(printf '%s\n' "$processes" -- "$groups" "$known" -- "$said" | awk '
    $0 == "--" { part++; next }
    !part { split($1, own, ":"); pattern[++n] = own[2]; next }
    part == 1 && !/:/ { wanted[$1] = 1; next }
    part == 1 { split($1, is, ":"); for (i = 1; i <= n; i++) if (pattern[i] == is[2]) wanted[is[1]] = 1; next }
    sub(/: (available|changed|disappeared)$/, "") && $0 in wanted { print }')
  if [ -n "$changed" ]; then
    # shellcheck disable=SC2086 # a name each
    supervisorctl update $changed || return 1
  fi
}

# unknown: our processes that supervisor has not read of.
unknown() {
  { printf '%s\n\n' "$known"; printf '%s\n' "$processes"; } | awk '
    $0 == "" { told = 1; next }
    !told { known[++n] = $1; next }
    {
      split($1, own, ":")
      for (i = 1; i <= n; i++) {
        split(known[i], is, ":")
        if ((own[1] == "*" || own[1] == is[1]) && (own[2] == "*" || own[2] == is[2])) next
      }
      print own[2] == "*" ? own[1] : own[2]
    }'
}

# not_right: of our processes that are started, those that are not as they should be: `wait` where that may
# come, `bad` where it does not come by itself. At once, supervisor calls running what may fail in a moment.
not_right() {
  ours | awk -v now="$(date +%s)" '
    $1 == "no" { next }
    $5 == "RUNNING" { if ($3 == "yes" && $8 != "-" && now - $8 < 2) print "wait", $4; next }
    $5 == "EXITED" && ($6 == "-" ? $2 != "-" : index("," $2 ",", "," $6 ",")) { next }
    $5 == "STARTING" || $5 == "BACKOFF" || $5 == "STOPPING" || ($5 == "STOPPED" && $8 == 0) { print "wait", $4; next }
    { print "bad", $4 }'
}

# to_do RESTART BEFORE: what to do with our processes, a verb and a name each. What has been started since BEFORE
# is not started again, and what ended as it may runs again only where RESTART says so.
to_do() {
  { printf '%s\n\n' "$2"; ours; } | awk -v restart="$1" '
    !told { if ($0 == "") told = 1; else was[$4] = $7 " " $8; next }
    {
      same = $4 in was && was[$4] == $7 " " $8
      again = restart == "yes" && same
      waits = $5 == "STOPPED" || $5 == "EXITED" || $5 == "FATAL" || $5 == "UNKNOWN"
      ended_well = $5 == "EXITED" && index("," $2 ",", "," $6 ",")
    }
    !waits { if (again && ($7 != 0 || $1 == "yes")) print "restart", $4; next }
    $1 == "no" { next }
    ended_well { if (again) print "start", $4; next }
    same || $5 == "STOPPED" { print "start", $4 }'
}

# do_all RESTART BEFORE
do_all() {
  todo=$(to_do "$1" "$2")
  for verb in restart start; do
    names=$(printf '%s\n' "$todo" | sed -n "s/^$verb //p")
    # shellcheck disable=SC2086 # a name each
    [ -z "$names" ] || supervisorctl "$verb" $names || true
  done
}

# why NAME...: what supervisor and their logs say of processes.
why() {
  supervisorctl status "$@" || true
  ours | while read -r _ _ _ name state status _ born out err; do
    case " $* " in *" $name "*) ;; *) continue ;; esac
    if [ "$state" = EXITED ]; then echo "${name#*:} ended with status $status"; fi
    # What it said of an earlier start is not why this one failed.
    if [ "$born" = - ]; then born=0; fi
    log=$err
    if [ ! -s "$err" ] || [ "$(stat -c %Y -- "$err")" -lt "$born" ]; then log=$out; fi
    if [ -s "$log" ]; then
      echo "the end of $log:"
      tail -n 20 -- "$log"
    fi
  done
}

# bring_up RESTART SECONDS: what runs is what now stands on disk, and is as it should be within so many seconds.
bring_up() {
  answers || return 1
  before=$(ours)
  take || return 1
  # What supervisor has just taken is new, though an old one that ended began in the same second.
  before=$(printf '%s\n' "$before" | awk -v taken=" $(printf '%s' "$changed" | tr '\n' ' ') " '{
    split($4, is, ":")
    if (!index(taken, " " is[1] " ")) print }')
  missing=$(unknown | tr '\n' ' ')
  if [ -n "$missing" ]; then
    echo "supervisor does not read $file: it does not know $missing"
    return 1
  fi
  do_all "$1" "$before"
  deadline=$(($(date +%s) + $2))
  while :; do
    wrong=$(not_right)
    case $wrong in
    '') return 0 ;;
    *bad*) break ;;
    esac
    [ "$(date +%s)" -lt "$deadline" ] || break
    sleep 0.2
  done
  # shellcheck disable=SC2046 # a name each
  why $(printf '%s\n' "$wrong" | cut -d ' ' -f 2)
  return 1
}

# go_back: what runs is what stood on disk before.
go_back() {
  take
  do_all no "$(ours)"
}
