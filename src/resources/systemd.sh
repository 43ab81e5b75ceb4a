# What a run does with a systemd unit. Each step that needs it begins with it.

# remember UNIT: how the unit is before this step, which does not begin where that cannot be written down.
remember() {
  was=$(systemctl is-active -- "$1" 2>/dev/null) || true
  enabled=$(systemctl is-enabled -- "$1" 2>/dev/null) || true
  printf '%s\n%s\n' "$was" "$enabled" >"$keeping/unit"
}

# spare_us: fail2ban bans the address that we come from no more, until it is started anew.
spare_us() {
  our_address=${SSH_CONNECTION-}
  our_address=${our_address%% *}
  [ -n "$our_address" ] || return 0
  for jail in $(fail2ban-client status | sed -n 's/.*Jail list:[[:space:]]*//p' | tr -d ,); do
    fail2ban-client set "$jail" addignoreip "$our_address" >/dev/null
  done
  fail2ban-client unban "$our_address" >/dev/null
}

# read_files UNIT FILE...: systemd reads the unit anew, and takes every line of these files.
read_files() {
  unit=$1
  shift
  if [ "$unit" = fail2ban.service ] && command -v fail2ban-client >/dev/null; then
    if ! said=$(fail2ban-client -t 2>&1); then
      echo "fail2ban does not take its configuration:"
      printf '%s\n' "$said" | grep -v WARNING
      return 1
    fi
  fi
  unknown_keys "$unit" "$@" || return 1
  heard=$(journalctl -q -n 0 --show-cursor 2>/dev/null | sed -n 's/^-- cursor: //p')
  systemctl daemon-reload
  case $unit in
  *@.*) some=${unit%%@.*}@x.${unit##*@.} ;;
  *-.*) some=${unit%%-.*}-x.${unit##*-.} ;;
  *) some=$unit ;;
  esac
  said=$(systemd-analyze verify --man=no "/etc/systemd/system/$some" 2>&1) || true
  ignored=$(for file in "$@"; do
    printf '%s\n' "$said" | awk -v file="$file:" 'index($0, file) == 1 && tolower($0) ~ /ignor/'
  done)
  load=$(systemctl show -p LoadState --value -- "$some")
  case $load in
  bad-setting | error)
    echo "systemd does not load $unit:"
    printf '%s\n' "$said" | grep -F -e "$some" | sort -u
    return 1
    ;;
  esac
  if [ -n "$ignored" ]; then
    echo "systemd does not take all of what stands in the files of $unit:"
    printf '%s\n' "$ignored"
    return 1
  fi
}

# unknown_keys UNIT FILE...: fails where one of systemd's own daemons would pass over a key. Which it knows stands in
# its program; not every one's journal can be read back.
unknown_keys() {
  case $1 in
  systemd-journald.service) section=Journal ;;
  systemd-logind.service) section=Login ;;
  systemd-resolved.service) section=Resolve ;;
  systemd-timesyncd.service) section=Time ;;
  *) return 0 ;;
  esac
  program=/lib/systemd/${1%.service}
  [ -x "$program" ] || return 0
  shift
  known=$(grep -aoE "$section\.[A-Z][A-Za-z0-9]+" "$program" | sort -u)
  for file in "$@"; do
    case $file in /etc/systemd/*.conf | /etc/systemd/*.conf.d/*) [ -f "$file" ] || continue ;; *) continue ;; esac
    printf '%s\n\n' "$known" | cat - "$file" | awk -v file="$file" -v section="$section" '
      !told { if ($0 == "") { told = NR } else { split($0, part, "."); known[part[2]] } next }
      /^[ \t]*\[/ { here = $0 ~ "\\[" section "\\]"; next }
      /^[ \t]*([#;]|$)/ || !/=/ { next }
      {
        key = $0
        sub(/[ \t]*=.*/, "", key)
        sub(/^[ \t]*/, "", key)
        if (here && key in known) next
        print file ":" NR - told ": " program " knows no " key " in [" section "]"
        wrong = 1
      }
      END { exit wrong }' program="${program##*/}" - || return 1
  done
}

# took FILE...: fails when a daemon that was started anew has passed over a line of its own configuration.
took() {
  journalctl --sync 2>/dev/null || return 0
  for file in "$@"; do
    case $file in /etc/systemd/*.conf | /etc/systemd/*.conf.d/*) ;; *) continue ;; esac
    if journalctl -q -o cat ${heard:+--after-cursor="$heard"} | grep "^$file:[0-9]"; then
      echo "the daemon does not take all of $file"
      return 1
    fi
  done
}

# know UNIT: systemd reads units anew where it has to for this one. Each time costs half a second, and a package that
# was just installed has mostly done it.
know() {
  case $(systemctl show -p LoadState,NeedDaemonReload -- "$1") in *=not-found* | *=yes*) systemctl daemon-reload ;; esac
}

# stays UNIT: waits until it is clear that the unit stays up, or is a oneshot that went through. systemd calls a
# simple service active before its program has done anything.
stays() {
  tries=10
  restarts=
  while :; do
    state=$(systemctl show -p ActiveState,SubState,Type,Result,NRestarts -- "$1")
    case $state in
    *ActiveState=failed* | *SubState=auto-restart*) return 1 ;;
    *Type=oneshot*) return 0 ;;
    *ActiveState=active*) ;;
    *) return 1 ;;
    esac
    case $state in *Type=simple* | *Type=exec* | *Type=idle*) ;; *) return 0 ;; esac
    now=$(printf '%s\n' "$state" | sed -n 's/^NRestarts=//p')
    [ "${restarts:=$now}" = "$now" ] || return 1
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || return 0
    sleep 0.1
  done
}

# told VERB UNIT: as systemctl does it. After a plain reload of fail2ban 1.0.2 a jail whose action has changed has none at
# all, and says of whoever it bans that it does: its jails start anew, and what was banned stays so.
told() {
  if [ "$1 $2" = 'reload-or-restart fail2ban.service' ] && systemctl is-active --quiet fail2ban.service; then
    fail2ban-client reload --restart
  else
    systemctl "$1" -- "$2"
  fi
}

# up VERB UNIT: starts or restarts it; it comes up and stays up.
up() {
  since=$(date +%s)
  served=
  # A socket does not begin to listen while its service runs, which may have another name.
  case $2 in
  *.socket)
    for its in $(systemctl show -p Triggers --value -- "$2"); do
      if systemctl is-active --quiet -- "$its"; then
        served=$its
        systemctl stop -- "$served"
      fi
    done
    ;;
  esac
  if said=$(told "$1" "$2" 2>&1) && stays "$2"; then
    [ -z "$served" ] || systemctl start -- "$served"
    return 0
  fi
  echo "$2 does not stay up: $(systemctl show -p ActiveState,SubState,Result -- "$2" | tr '\n' ' ')"
  words "$2" "$said" "$since"
  [ -z "$served" ] || systemctl start -- "$served"
  return 1
}

# anew VERB PATTERN: what of the pattern runs is started anew. A unit that has lost its file does not go on.
anew() {
  for unit in $(systemctl list-units --plain --no-legend --state=active,activating,reloading -- "$2" | awk '{ print $1 }'); do
    case $(systemctl show -p LoadState --value -- "$unit") in
    not-found | masked) systemctl stop -- "$unit" ;;
    *) up "$1" "$unit" || return 1 ;;
    esac
  done
}

# back UNIT FILE...: the unit as it was before this step, and before this run replaced its files and what it reads. `again`
# is how it takes them, if not by a restart.
back() {
  unit=$1
  shift
  for file in "$@"; do take_back "$file"; done
  systemctl daemon-reload
  [ -s "$keeping/unit" ] || return 0
  { read -r was && read -r enabled; } <"$keeping/unit"
  case $enabled in
  enabled) systemctl enable --quiet -- "$unit" ;;
  disabled) systemctl disable --quiet -- "$unit" ;;
  masked) systemctl mask --quiet -- "$unit" ;;
  esac
  systemctl reset-failed -- "$unit" 2>/dev/null
  case $was in
  active | reloading | activating) systemctl "${again:-restart}" -- "$unit" && echo "$unit runs as before" ;;
  *) systemctl stop -- "$unit" 2>/dev/null || true ;;
  esac
}
