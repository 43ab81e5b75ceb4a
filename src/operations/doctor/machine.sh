# What is known of a machine beyond how it fares: `machine`; what takes its time: `processors_asked`, `exchanges_asked`.

# Clock ticks that processes have used, and all processors: pid, ticks, name.
ticks() {
  cat /proc/[0-9]*/stat 2>/dev/null | sed -nE 's/^([0-9]+) \((.*)\) [A-Za-z] ([^ ]+ ){10}([0-9]+) ([0-9]+) .*/\1 \4 \5 \2/p' |
    awk '{ pid = $1; ticks = $2 + $3; sub(/^[0-9]+ [0-9]+ [0-9]+ /, ""); print pid "\t" ticks "\t" $0 }'
}

# Who uses the processors now: parts of a hundred of one processor, pid, name.
processors_asked() {
  was=$(ticks)
  sleep 1
  say busy '' "$({ printf '%s\n\n' "$was"; ticks; } | awk -F '\t' -v hertz="$(getconf CLK_TCK)" '
    !told { if ($0 == "") told = 1; else was[$1 $3] = $2; next }
    $1 $3 in was { share = int(($2 - was[$1 $3]) * 100 / hertz); if (share >= 5) print share "\t" $1 "\t" $3 }' | sort -rn | head -n 5)"
}

# Whom programs are told to ask: NAME=URL of their environments.
exchanges() {
  {
    cat /etc/supervisor/conf.d/*.conf 2>/dev/null
    for unit in $(declared_units); do systemctl show -p Environment -- "$unit"; done
  } | grep -oE '[A-Z][A-Z0-9_]*(URL|ENDPOINT|API|HOST)S?="?https?://[^",; ]+' | tr -d '"' | grep -v 'WEBHOOK' | sort -u | head -n 8
}

exchanges_asked() {
  exchanges | while IFS='=' read -r name url; do
    host=${url#*://}
    host=${host%%/*}
    case $host in *@*) continue ;; esac
    bare=${host%:*}
    found=$(getent ahosts "$bare" 2>/dev/null | head -n 1 | cut -d ' ' -f 1)
    begun=$(date +%s%3N)
    answer=
    if [ -z "$found" ]; then
      :
    elif command -v curl >/dev/null; then
      answer=$(curl -sS -m 8 -D - -o /dev/null "$url" 2>&1)
    elif [ "${url%%:*}" = http ]; then
      case $host in *:*) ;; *) host=$host:80 ;; esac
      answer=$(perl -e "$http" "$host" GET / "Host: $bare" 2>/dev/null | head -c 2000)
    fi
    say exchange "$name" "url=$url
address=$found
millis=$(($(date +%s%3N) - begun))
now=$(date +%s)
$answer"
  done
  say nameservers '' "$(grep -s '^nameserver' /etc/resolv.conf)"
}

machine() {
  full=$(df -P 2>/dev/null | awk 'NR > 1 && $5 + 0 >= 90 { print $6 }')
  for mount in $full; do
    case $mount in /dev | /proc* | /sys* | /snap/* | /run/host*) continue ;; esac
    say large "$mount" "$(timeout 10 du -axd 3 -B1 "$mount" 2>/dev/null | sort -rn | head -n 8)"
    say deleted "$mount" "$(find /proc/[0-9]*/fd -lname "$mount*(deleted)" -printf '%p\n' 2>/dev/null | while read -r open; do
      pid=${open#/proc/}
      pid=${pid%%/*}
      echo "$(stat -L -c %s "$open" 2>/dev/null) $pid $(cat "/proc/$pid/comm" 2>/dev/null) $(readlink "$open")"
    done | sort -rn | head -n 3)"
  done
  for mount in $(df -P -i 2>/dev/null | awk 'NR > 1 && $5 + 0 >= 90 { print $6 }'); do
    case $mount in /dev | /proc* | /sys* | /snap/* | /run/host*) continue ;; esac
    say many "$mount" "$(timeout 10 du -xd 3 --inodes "$mount" 2>/dev/null | sort -rn | head -n 6)"
  done
  say clock '' "time=$(date +%s)
$(timedatectl show 2>/dev/null)
$(for unit in systemd-timesyncd chrony chronyd ntp ntpsec; do
    systemctl show -p Id,LoadState,ActiveState "$unit" 2>/dev/null | tr '\n' ' '
    echo
  done)"
  for what in cpu memory io; do
    if [ -r "/proc/pressure/$what" ]; then say pressure "$what" "$(cat "/proc/pressure/$what")"; fi
  done
  if command -v dpkg >/dev/null; then
    say dpkg "$(find /var/lib/dpkg/updates -type f 2>/dev/null | wc -l)" "$(dpkg --audit 2>&1)"
    held=$(stat -c %i /var/lib/dpkg/lock-frontend 2>/dev/null)
    holder=$(awk -v inode=":$held" '$2 != "->" && substr($6, length($6) - length(inode) + 1) == inode { print $5; exit }' /proc/locks)
    say dpkg_held "${holder:--}" "$(if [ -n "$holder" ]; then tr '\0' ' ' <"/proc/$holder/cmdline"; fi)"
  fi
}

# What ought to happen by itself.
routines() {
  say cron '' "$(systemctl show -p LoadState,ActiveState,UnitFileState cron 2>/dev/null)"
  rotate=none
  if command -v logrotate >/dev/null; then rotate=there; fi
  say logrotate "$rotate" "$(systemctl show -p LoadState,ActiveState,UnitFileState logrotate.timer 2>/dev/null)
daily=$([ -x /etc/cron.daily/logrotate ] && echo yes)
last=$(stat -c %Y /var/lib/logrotate/status 2>/dev/null)
configs=$(find /etc/logrotate.d -type f 2>/dev/null | wc -l)
since=$(stat -c %Y /etc/logrotate.d 2>/dev/null)
result=$(systemctl show -p Result --value logrotate.service 2>/dev/null)"
  say rotation_words '' "$(journalctl -q --no-pager -o cat -u logrotate.service -n 30 2>/dev/null | grep -i error | tail -n 3 | cut -c 1-400)"
  say large_logs '' "$(find /var/log -xdev -type f -size +500M -printf '%s %p\n' 2>/dev/null | sort -rn | head -n 3)"
  for script in /usr/local/lib/*/*; do
    [ -f "$script" ] || continue
    to=$(sed -n "s/^to='\(.*\)'$/\1/p" "$script" | head -n 1)
    if [ -n "$to" ] && grep -q 'backup complete' "$script"; then
      say pack "$script" "to=$to
since=$(stat -c %Y "$script")
newest=$(find "$to" -maxdepth 1 -type f -name '*.tar.gz' ! -name '.*' -printf '%T@ %s %p\n' 2>/dev/null | sort -rn | head -n 1)"
    fi
  done
}
