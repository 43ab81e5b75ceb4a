sshd_check() {
  command -v sshd >/dev/null || return 0
  mkdir -p /run/sshd
  sshd -t -f "$1"
}

# A restart leaves the sessions that are open; unlike a reload it returns when the new one listens. systemd would
# refuse the sixth start within ten seconds (systemd.unit(5), StartLimitBurst). Where it listens itself (Ubuntu
# 24.04), the ports are the socket's (Ubuntu's release notes, "openssh").
sshd_load() {
  command -v sshd >/dev/null || return 0
  mkdir -p /run/sshd
  sshd -t
  systemctl reset-failed ssh.service 2>/dev/null || true
  if systemctl is-active --quiet ssh.socket; then
    systemctl daemon-reload
    systemctl restart ssh.socket
  fi
  systemctl restart ssh.service
}
