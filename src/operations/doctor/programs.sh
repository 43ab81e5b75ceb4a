# What is known of programs beyond how they fare: `programs`.

# section FILE NAME: the options of a program of supervisor's, a line each.
section() {
  awk -v wanted="[program:$2]" '/^\[/ { sub(/[ \t\r]*$/, ""); ours = $0 == wanted; next }
    ours && /^[a-z_]+[ \t]*[=:]/ { sub(/[ \t]*[=:][ \t]*/, "="); print; next }
    ours && /^[ \t]/ { print "+" $0 }' "$1"
}

# file_facts PATH USER: what stands there, and whether the user may run it.
file_facts() {
  is=$(stat -L -c '%A %U %F' -- "$1" 2>/dev/null) || { echo "file=missing"; return 0; }
  echo "file=$is"
  if [ -n "$2" ] && [ "$2" != root ]; then
    setpriv --reuid "$2" --regid "$(id -g "$2" 2>/dev/null)" --init-groups test -x "$1" 2>/dev/null || {
      echo "not_runnable=yes"
      way=$1
      while way=${way%/*} && [ -n "$way" ]; do
        setpriv --reuid "$2" --regid "$(id -g "$2" 2>/dev/null)" --init-groups test -x "$way" 2>/dev/null || echo "closed=$way"
      done
    }
  fi
}

# log_tail FILE: its last lines, and what it is.
log_tail() { if [ -s "$1" ]; then tail -n 40 -- "$1" | cut -c 1-400; fi; }

sections() {
  for file in /etc/supervisor/supervisord.conf /etc/supervisor/conf.d/*.conf; do
    [ -f "$file" ] || continue
    sed -n 's/^\[program:\(.*\)\][[:space:]]*$/\1/p' "$file" | while read -r name; do
      options=$(section "$file" "$name")
      run=
      user=
      facts=
      while IFS='=' read -r option value; do
        value=${value%%[[:space:]];*}
        case $option in
        command) run=${value%% *} ;;
        user) user=$value ;;
        directory) if [ ! -d "$value" ]; then facts="$facts
directory_missing=$value"; fi ;;
        stdout_logfile | stderr_logfile) case $value in /dev/*) ;; /*) if [ ! -d "${value%/*}" ]; then facts="$facts
log_missing=${value%/*}"; fi ;; esac ;;
        esac
      done <<END
$options
END
      if [ -n "$user" ] && ! id "$user" >/dev/null 2>&1; then
        facts="$facts
account=missing"
        user=
      fi
      case $run in
      /*) facts="$facts
$(file_facts "$run" "$user")" ;;
      esac
      say section "$name" "file_of=$file
$options
$facts"
    done
  done
}

# What supervisord and the logs say of programs that are not well, and what they have said of whom they ask.
supervised_words() {
  told=$(look)
  case $told in *://*) say unanswered '' "$told"; return 0 ;; esac
  tab=$(printf '\t')
  is_bad=
  printf '%s\n' "$told" | grep -qE "${tab}(FATAL|BACKOFF|EXITED|UNKNOWN|STARTING)$tab" && is_bad=yes
  if [ -n "$is_bad" ]; then say described '' "$(supervisorctl status 2>&1)"; fi
  since=$(date -d '-10 minutes' '+%F %T')
  say recent '' "$(tail -n 400 /var/log/supervisor/supervisord.log 2>/dev/null |
    awk -v since="$since" '$1 " " $2 >= since && / exited: / { for (i = 3; i < NF; i++) if ($i == "exited:") print $(i + 1), $0 }' |
    sed 's/^\([^ ]*\) .*(\(.*\))$/\1 \2/')"
  printf '%s\n' "$told" | while IFS=$tab read -r full _ _ _ _ out err; do
    words=$(log_tail "$err"; case $out in "$err") ;; *) log_tail "$out" ;; esac)
    say words "$full" "log=$(if [ -s "$err" ]; then echo "$err"; else echo "$out"; fi)
$words"
  done
}

# unit_facts UNIT
unit_facts() {
  shown=$(systemctl show -p Id,ActiveState,SubState,Result,ExecMainStatus,ExecMainCode,NRestarts,User,WorkingDirectory,ExecStart,UnitFileState,FragmentPath -- "$1")
  run=$(printf '%s\n' "$shown" | sed -n 's/^ExecStart={ path=\([^ ]*\) .*/\1/p' | head -n 1)
  user=$(printf '%s\n' "$shown" | sed -n 's/^User=//p')
  directory=$(printf '%s\n' "$shown" | sed -n 's/^WorkingDirectory=[!-]*//p')
  say sick "$1" "$shown
$(if [ -n "$run" ]; then echo "run=$run"; file_facts "$run" "$user"; fi)
$(if [ "${directory#/}" != "$directory" ] && [ ! -d "$directory" ]; then echo "directory_missing=$directory"; fi)"
  say words "$1" "log=journalctl -u $1
$(journalctl -q --no-pager -o cat -n 40 -u "$1" 2>/dev/null | cut -c 1-400)"
}

programs() {
  sections
  if command -v supervisorctl >/dev/null; then supervised_words; fi
  for unit in $(systemctl list-units --all --state=failed,activating --plain --no-legend --no-pager 2>/dev/null | cut -d ' ' -f 1); do
    unit_facts "$unit"
  done
  for unit in nginx.service supervisor.service; do
    state=$(systemctl is-active "$unit" 2>/dev/null)
    if [ "$state" = inactive ] && [ "$(systemctl show -p LoadState --value "$unit")" = loaded ]; then unit_facts "$unit"; fi
  done
  # pid, unit, command line of what listens
  for pid in $(ss -Hltnp 2>/dev/null | grep -o 'pid=[0-9]*' | sort -u | sed 's/pid=//'); do
    in_unit=$(sed -n 's:.*/\([^/]*\.\(service\|scope\)\).*:\1:p' "/proc/$pid/cgroup" 2>/dev/null | head -n 1)
    say holder "$pid" "${in_unit:--} $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | cut -c 1-200)"
  done
  say glibc '' "$(getconf GNU_LIBC_VERSION 2>/dev/null)"
  say oom '' "$(grep -sH '^oom_kill [1-9]' /sys/fs/cgroup/system.slice/*/memory.events /sys/fs/cgroup/user.slice/memory.events
    journalctl -q --no-pager -k -o short-iso --since -1day 2>/dev/null | grep -E 'Out of memory: Killed|oom-kill:' | tail -n 3)"
}
