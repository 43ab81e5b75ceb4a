# How the host fares: frames on standard output, by `updates` and `rest`. Asks $ask of supervisord, by way of `look`.
# Writes nothing.

# What apt would upgrade; it is told to write no cache and no log.
updates() {
  command -v apt-get >/dev/null || return 0
  said=$(apt-get -s -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o Debug::NoLocking=1 \
    -o Dir::Log::Planner=/dev/null -o Dir::Log::Solver=/dev/null dist-upgrade 2>/dev/null) || return 0
  say updates '' "$(printf '%s\n' "$said" | sed -n 's/^Inst [^(]*(\(.*\)).*/\1/p')"
}

units() {
  for unit in $(declared_units); do
    shown=$(systemctl show -p ActiveState,SubState,Result,StateChangeTimestampMonotonic,NRestarts,MemoryCurrent,ControlGroup -- "$unit")
    group=$(printf '%s\n' "$shown" | sed -n 's/^ControlGroup=//p')
    pids=
    if [ -n "$group" ]; then pids=$(find "/sys/fs/cgroup$group" -name cgroup.procs -exec cat {} + 2>/dev/null | tr '\n' ' '); fi
    say unit "$unit" "$shown
Pids=$pids"
  done
}

# The sites that nginx reads: their names, and when their certificates end.
sites() {
  for site in /etc/nginx/sites-enabled/* /etc/nginx/conf.d/*.conf; do
    [ -f "$site" ] || continue
    said=$(sed -n 's/^[[:space:]]*\(server_name\|ssl_certificate\)[[:space:]]\{1,\}\([^;]*\);.*/\1 \2/p' "$site" | sort -u)
    printf '%s\n' "$said" | grep -q . || grep -q 'server[[:space:]]*{' "$site" || continue
    ends=$(printf '%s\n' "$said" | sed -n 's/^ssl_certificate //p' | while read -r file; do
      end=$(openssl x509 -noout -enddate -in "$file" 2>/dev/null) || continue
      echo "ends $(date -d "${end#*=}" +%s)"
    done)
    name=${site##*/}
    say site "${name%.conf}" "$said
$ends"
  done
}

# The firewall as ufw's files have it, and the kernel.
firewall() {
  grep -shE '^(ENABLED|DEFAULT_INPUT_POLICY)=' /etc/ufw/ufw.conf /etc/default/ufw
  grep -sh '^### tuple ###' /etc/ufw/user.rules /etc/ufw/user6.rules
  iptables -S INPUT 2>/dev/null
}

# What cron runs: the table, a tab, its line.
cron_lines() {
  for table in /etc/crontab /etc/cron.d/* /var/spool/cron/crontabs/*; do
    case $table in /etc/cron.d/*.*) continue ;; esac
    if [ -f "$table" ]; then sed -n "s:^[[:space:]]*[@0-9*]:$table\t&:p" "$table"; fi
  done
}

# cron_log: when jobs have run last, as cron has logged it: time, exit status of one that failed, `USER COMMAND`.
cron_log() {
  logged=$(journalctl -q --no-pager -o short-unix -t CRON -n 4000 2>/dev/null)
  case $logged in
  *' CMD ('*) ;;
  *) logged=$(tail -qn 4000 /var/log/syslog /var/log/cron.log 2>/dev/null) ;;
  esac
  # A time is seconds, RFC 3339's, or `Nov 28 18:38:02`.
  printf '%s\n' "$logged" | sed -nE 's/^(.*[0-9]) [^ ]+ CRON\[([0-9]+)\]: \(([^)]*)\) CMD \((.*)\)$/\1\t\2 \3 \4/p
    s/^.* CRON\[[0-9]+\]: \(CRON\) error \(grandchild #([0-9]+) failed with exit status ([0-9]+)\)$/! \1 \2/p' | awk '
    /^! / { failed[$2] = $3; next }
    { split($0, part, "\t"); pid = part[2]; sub(/ .*/, "", pid); what = part[2]; sub(/^[0-9]+ /, "", what)
      when[what] = part[1]; by[what] = pid; delete failed[pid] }
    END { for (what in when) print when[what] "\t" by[what] "\t" what "\t" failed[by[what]] }' | while IFS=$(printf '\t') read -r time _ what status; do
    case $time in *[!0-9.]*) time=$(date -d "$time" +%s 2>/dev/null) || continue ;; esac
    printf '%s\t%s\t%s\n' "${time%%.*}" "${status:--}" "$what"
  done
}

# Whether cron logs jobs that fail (cron(8), -L): `yes`.
cron_tells() {
  pid=$(systemctl show -p MainPID --value cron 2>/dev/null)
  level=$(tr '\0' ' ' 2>/dev/null <"/proc/${pid:-0}/cmdline" | sed -n 's/.* -L *\([0-9]*\).*/\1/p')
  if [ $((${level:-1} & 4)) -ne 0 ]; then echo yes; fi
}

rest() {
  # shellcheck disable=SC1091 # it is the host's
  . /etc/os-release
  say system '' "hostname=$(uname -n)
release=$PRETTY_NAME
kernel=$(uname -r)
processors=$(getconf _NPROCESSORS_ONLN)
page=$(getconf PAGESIZE)
now=$(date +%s)
uptime=$(cat /proc/uptime)
load=$(cat /proc/loadavg)
reboot=$(if [ -e /run/reboot-required ]; then echo yes; fi)"
  say memory '' "$(cat /proc/meminfo)"
  say disks '' "$(df -l -B1 --output=size,used,avail,itotal,iused,fstype,target 2>/dev/null)"
  # pid, parent, resident pages, name
  say processes '' "$(cat /proc/[0-9]*/stat 2>/dev/null |
    sed -nE 's/^([0-9]+) \((.*)\) [A-Za-z] ([0-9]+) ([^ ]+ ){19}([^ ]+) .*/\1 \3 \5 \2/p')"
  say listening '' "$(ss -Hltnp 2>/dev/null)"
  say supervised '' "$(if command -v supervisorctl >/dev/null; then look; fi)"
  say exits '' "$(sed -n 's/^.* exited: \([^ ]*\) (.*/\1/p' /var/log/supervisor/supervisord.log 2>/dev/null | sort | uniq -c)"
  units
  sites
  for monitor in $(monitors); do
    say monitor "${monitor##*/}" "$(cat "$monitor/asked")
asked=$(stat -c %Y "$monitor/asked")
failures=$(cat "$monitor/failures" 2>/dev/null)
restarts=$(cat "$monitor/restarts" 2>/dev/null)"
  done
  for program in $(declared_backups); do say backup '' "$("$program" about </dev/null 2>/dev/null)"; done
  say firewall '' "$(firewall)"
  say jobs '' "$(cron_lines)"
  say ran "$(cron_tells)" "$(cron_log)"
  say failed '' "$(systemctl list-units --failed --plain --no-legend --no-pager 2>/dev/null | cut -d ' ' -f 1)"
  for generation in $(newest); do
    frame generation "$base/generations/$generation/generation.json" "$generation"
    frame run "$base/generations/$generation/run" "$generation"
  done
}
