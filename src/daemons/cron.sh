# cron tells its log what it does not take, once it reads: at its start, which leaves running jobs alone.
cron_load() {
  command -v cron >/dev/null || return 0
  systemctl is-active --quiet cron || return 0
  systemctl restart cron
  run=$(systemctl show -p InvocationID --value cron)
  tries=100
  while :; do
    # It fails as long as there is no line at all.
    said=$(journalctl -q -o cat "_SYSTEMD_INVOCATION_ID=$run" || true)
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
