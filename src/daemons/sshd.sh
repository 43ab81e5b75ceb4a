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
    daemon start ssh.socket
  fi
  daemon restart ssh.service
  [ -e "$keeping/ssh.socket" ] || sshd_listens
}

# sshd goes on when another process has one of its sockets, as long as it has one itself.
sshd_listens() {
  for socket in $(sshd -T 2>/dev/null | sed -n 's/^listenaddress //p'); do
    taken=$(ss -Hltnp | awk -v socket="$socket" -v any="*:${socket##*:}" '($4 == socket || $4 == any) && !/"sshd"/')
    [ -z "$taken" ] || {
      echo "sshd does not listen at $socket, another process does: ${taken##* users:}"
      return 1
    }
  done
}
