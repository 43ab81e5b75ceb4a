# What programs, units and sites of the host have logged, as frames:
#   source POSITION:KEY LABEL           what is read
#   lines POSITION:KEY                  lines of it, and the position behind them
#   unknown NAME, wrong, untimely, beat, end
# $names: what is wanted, a line each; $lines: how many of the last ones, all unless given; $since: from when on, in date's words,
# $ago: how many seconds ago; $pattern: an extended regular expression that they match; $follow: whether what comes is
# told, too; $known: `POSITION KEY`, a line each, from an earlier connection. $times is perl, and so a line is told behind
# its moment. Writes nothing. A key is FILE, or unit:UNIT; a position INODE,BYTE or a cursor of the journal's, `-` for none.

# At most so many bytes of a file are told at once.
piece=1048576
tab=$(printf '\t')
newline='
'

# add LABEL KEY: one more source.
add() {
  case "$newline$sources" in *"$newline$2$tab"*) ;; *) sources="$sources$2$tab$1$newline" ;; esac
}

# programs NAME: those of supervisor's; all without a name.
programs() {
  while IFS=$tab read -r full _ _ _ _ out err; do
    own=$full
    if [ "${full%%:*}" = "${full#*:}" ]; then own=${full#*:}; fi
    # An instance of a program has its port behind the program's name.
    program=${own%-*}
    case ${own##*-} in *[!0-9]*) program=$own ;; esac
    case "$1" in '' | "$own" | "$program" | "$full" | "${full%%:*}" | "${full#*:}") ;; *) continue ;; esac
    case $out in /*) add "$own" "$out" ;; esac
    case $err in /*) add "$own err" "$err" ;; esac
  done <<END
$supervised
END
}

# site NAME: the logs that nginx writes for it.
site() {
  for file in "/etc/nginx/sites-enabled/$1" "/etc/nginx/sites-enabled/$1.conf" "/etc/nginx/conf.d/$1.conf"; do
    [ -f "$file" ] || continue
    for log in access error; do
      paths=$(sed -n "s/^[[:space:]]*${log}_log[[:space:]]\{1,\}\([^;[:space:]]*\).*/\1/p" "$file" | sort -u)
      for path in ${paths:-/var/log/nginx/$log.log}; do
        case $path in /*) add "$1 $log" "$path" ;; esac
      done
    done
    return 0
  done
}

# unit NAME: its journal.
unit() {
  unit=$1
  case $unit in *.*) ;; *) unit=$unit.service ;; esac
  # What is masked has been heard of, too.
  case $(systemctl show -p LoadState --value -- "$unit" 2>/dev/null) in
  '' | not-found) ;;
  *)
    add "${unit%.service}" "unit:$unit"
    return
    ;;
  esac
  for file in "/etc/systemd/system/${unit%.service}"@[0-9]*.service; do
    if [ -f "$file" ]; then
      unit=${file##*/}
      add "${unit%.service}" "unit:$unit"
    fi
  done
}

# instances PROGRAM: both of a program that takes turns: the one at rest may be the next that writes.
instances() {
  logged=$("$1" about </dev/null | sed -n "s/^log$tab//p")
  while IFS=$tab read -r label key; do add "$label" "$key"; done <<END
$logged
END
}

find_sources() {
  sources=
  supervised=$(if command -v supervisorctl >/dev/null; then look; fi)
  if [ -z "$names" ]; then
    for turns in $(turning); do instances "$turns"; done
    programs ''
    for name in $(declared_units); do unit "$name"; done
    return
  fi
  while IFS= read -r name; do
    before=$sources
    for turns in $(turning "$name"); do instances "$turns"; done
    programs "$name"
    site "$name"
    unit "$name"
    if [ "$sources" = "$before" ]; then
      say unknown "$name" "$(printf '%s\n' "$supervised" | cut -f 1 | sed 's/^\([^:]*\):\1$/\1/'
        declared_units | sed 's/\.service$//'
        for file in /etc/nginx/sites-enabled/* /etc/nginx/conf.d/*.conf; do
          if [ -f "$file" ]; then basename "$file" .conf; fi
        done)"
    fi
  done <<END
$names
END
}

# timed SINCE LAST WRITTEN [JOURNAL]: of its input what is wanted, each line behind its moment.
timed() { perl -e "$times" lines "$1" "$2" "$3" "$pattern" "${4-}"; }

# lines KEY POSITION FILTER...: tells what the filter prints of its input. What follows the text keeps its line ends.
lines() {
  key=$1
  at=$2
  shift 2
  text=$("$@"; echo .)
  say lines "$at:$key" "${text%.}"
}

slice() { tail -c "+$((from + 1))" -- "$path" | head -c "$((to - from))"; }
whole() { slice | head -n "$count" | timed 0 '' "$written"; }
last() { { before_it; slice | head -n "$count"; } | timed "$moment" "$lines" "$written"; }
rest_of_file() { slice | timed 0 '' "$written"; }

# before_it: what was logged since the moment that is asked for and has been put aside, by number or by date (logrotate(8),
# dateext).
before_it() {
  [ "$moment" -gt 0 ] || return 0
  find "${path%/*}/" -maxdepth 1 -type f -name "${path##*/}[.-][0-9]*" -newermt "@$((moment - 1))" -printf '%T@ %p\n' |
    grep -E '(\.[0-9]+|-[0-9]{8}[0-9]*)(\.gz)?$' | sort -n | while read -r _ file; do zcat -f -- "$file"; done
}

# of_file KEY POSITION: tells what the file has behind the position, in whole lines. Sets `now`.
of_file() {
  path=$1
  now=$2
  if ! is=$(stat -L -c '%i %s %Y' -- "$path" 2>/dev/null); then
    now=${now:--,0}
    return 0
  fi
  inode=${is%% *}
  written=${is##* }
  size=${is#* }
  size=${size% *}
  filter=whole
  if [ -z "$2" ]; then
    filter=last
    # Among more than so many bytes the last lines are not looked for, unless they are to match.
    from=0
    if [ "$moment" -gt 0 ]; then
      from=$(perl -e "$times" begin "$moment" "$path")
    elif [ -z "$pattern" ] && [ "$size" -gt $((16 * piece)) ]; then
      from=$((size - 16 * piece))
    fi
    to=$size
  else
    from=${2#*,}
    old=${2%,*}
    if [ "$old" != "$inode" ]; then
      # It has been put aside: what came before that is still to be told.
      gone=
      if [ "$old" != - ]; then gone=$(find "${path%/*}" -maxdepth 1 -type f -inum "$old" | head -n 1); fi
      if [ -n "$gone" ]; then
        set -- "$1" "$path"
        path=$gone
        to=$(stat -c %s -- "$path")
        if [ "$to" -gt "$from" ]; then lines "$1" "$inode,0" rest_of_file; fi
        path=$2
      fi
      from=0
    elif [ "$size" -lt "$from" ]; then
      from=0
    fi
    to=$size
    if [ $((to - from)) -gt $piece ]; then
      to=$((from + piece))
      more=yes
    fi
  fi
  now=$inode,$from
  if [ "$to" -le "$from" ] && [ -n "$2" ]; then return 0; fi
  count=$(slice | wc -l)
  if [ -z "$follow" ] || { [ "$count" -eq 0 ] && [ $((to - from)) -ge $piece ]; }; then
    count=$((count + 1))
  fi
  # The last lines would otherwise be told as if they had come.
  if [ "$count" -eq 0 ] && [ -n "$2" ]; then return 0; fi
  now=$inode,$((from + $(slice | head -n "$count" | wc -c)))
  lines "$1" "$now" "$filter"
}

entries() { printf '%s\n' "$read" | sed '/^-- cursor: /d' | sed '/./,$!d'; }

# of_unit KEY POSITION: the same of a unit's journal.
of_unit() {
  now=${2:--}
  set -- "$1" "$2" --unit="${1#unit:}" --quiet --no-pager --output=short-iso-precise --show-cursor
  case $2 in
  '')
    key=$1
    shift 2
    if [ "$moment" -gt 0 ]; then
      set -- "$@" --since="@$moment"
    elif [ -z "$pattern" ] && [ -n "$lines" ]; then
      set -- "$@" --lines="$lines"
    fi
    read=$(journalctl "$@" 2>/dev/null | timed "$moment" "$lines" 0 yes)
    set -- "$key" ''
    ;;
  *)
    key=$1
    if [ "$2" != - ]; then set -- "$@" --after-cursor="$2"; fi
    shift 2
    read=$(journalctl "$@" 2>/dev/null | timed 0 '' 0 yes)
    ;;
  esac
  cursor=$(printf '%s\n' "$read" | sed -n 's/^-- cursor: //p' | tail -n 1)
  now=${cursor:-$now}
  if [ -n "$(entries)" ]; then lines "$key" "$now" entries; fi
}

# position KEY: where an earlier connection was.
position() {
  while read -r at key; do
    if [ "$key" = "$1" ]; then echo "$at"; fi
  done <<END
$known
END
}

printf '' | grep -aE -e "$pattern" >/dev/null 2>&1
if [ $? -gt 1 ]; then
  say wrong '' "$(printf '' | grep -aE -e "$pattern" 2>&1)"
  say end '' ''
  exit
fi
# The moment from which on, in seconds since 1970; 0 where all counts.
moment=0
present=$(date +%s)
if [ -n "$ago" ]; then
  moment=$((present - ago))
elif [ -n "$since" ] && ! moment=$(date -d "$since" +%s 2>&1); then
  say untimely '' "$moment"
  say end '' ''
  exit
fi
if [ "$moment" -gt "$present" ]; then
  say untimely '' "$(date -d "@$moment" '+%F %T %Z') is still to come"
  say end '' ''
  exit
fi
for generation in $(newest); do frame bundle "$base/generations/$generation/bundle.json" "$generation"; done
find_sources
index=0
while IFS=$tab read -r key label; do
  [ -n "$key" ] || continue
  index=$((index + 1))
  eval "at_$index=\$(position \"\$key\")"
  say source "$key" "$label"
done <<END
$sources
END
say begin '' ''
while :; do
  more=
  index=0
  while IFS=$tab read -r source _; do
    [ -n "$source" ] || continue
    index=$((index + 1))
    eval "at=\$at_$index"
    case $source in
    unit:*) of_unit "$source" "$at" ;;
    *) of_file "$source" "$at" ;;
    esac
    if [ -z "$at" ]; then say at "$now:$source" ''; fi
    eval "at_$index=\$now"
  done <<END
$sources
END
  [ -n "$follow" ] || break
  # It ends this script when nobody listens any more.
  say beat '' '' || exit
  [ -n "$more" ] || sleep 0.5
done
say end '' ''
