# cron tells its log what it does not take, once it reads: at its start, which leaves running jobs alone. systemd
# would refuse the sixth start within ten seconds (systemd.unit(5), StartLimitBurst).
cron_load() {
  command -v cron >/dev/null || return 0
  systemctl is-active --quiet cron || systemctl is-enabled --quiet cron || return 0
  systemctl reset-failed cron 2>/dev/null || true
  daemon restart cron
  start=$(systemctl show -p InvocationID --value cron)
  tries=100
  while :; do
    said=$(journalctl -q -o cat "_SYSTEMD_INVOCATION_ID=$start")
    # The last word of its start.
    case $said in *"@reboot jobs"*) break ;; esac
    tries=$((tries - 1))
    if [ "$tries" -le 0 ]; then
      echo "note: the journal does not say whether cron took its files"
      return
    fi
    sleep 0.05
  done
  for path; do
    name=${path#/etc/cron.d/}
    [ "$path" != /etc/crontab ] || name=
    if printf '%s\n' "$said" | grep -E "while reading $path\$|^\(\*system\*$name\) "; then
      echo "cron passes over $path"
      return 1
    fi
  done
}
