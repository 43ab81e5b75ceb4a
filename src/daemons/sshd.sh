sshd_check() {
  command -v sshd >/dev/null || return 0
  mkdir -p /run/sshd
  sshd -t -f "$1"
}

# A restart leaves the sessions that are open; unlike a reload it returns when the new one listens. systemd would
# refuse the sixth start within ten seconds (systemd.unit(5), StartLimitBurst).
#
# Where systemd listens (Ubuntu 22.10 and later), the ports are its socket's, which Ubuntu makes of sshd's. A socket
# that could not take a port is `failed` and not active: that it was active is noted, so that the same commands start
# it again. It does not start under a service that runs.
sshd_load() {
  command -v sshd >/dev/null || return 0
  mkdir -p /run/sshd
  sshd -t
  systemctl reset-failed ssh.service ssh.socket 2>/dev/null || true
  if systemctl is-active --quiet ssh.socket; then : >"$keeping/ssh.socket"; fi
  if [ -e "$keeping/ssh.socket" ]; then
    systemctl daemon-reload
    systemctl stop ssh.socket ssh.service
    systemctl start ssh.socket || {
      journalctl -q --no-pager -o cat -n 4 -u ssh.socket
      return 1
    }
  fi
  systemctl restart ssh.service
}
