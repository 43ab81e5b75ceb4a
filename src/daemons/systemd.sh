# systemd reads its options with its units, and tells its log which lines it passes over.
systemd_load() {
  since=$(journalctl -q -n 0 --show-cursor | sed -n 's/^-- cursor: //p')
  systemctl daemon-reload
  journalctl --sync
  for path; do
    if journalctl -q -o cat ${since:+--after-cursor="$since"} | grep "^$path:[0-9]"; then
      echo "systemd does not take all of $path"
      return 1
    fi
  done
}
