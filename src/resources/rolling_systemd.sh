# Instances that systemd runs, by systemd.sh: `instance` is the unit of the one that is meant, and `file` is its file.

start_instance() {
  begun=$(date +%s)
  read_files "$instance" "$file" || return 1
  systemctl enable --quiet -- "$instance"
  up restart "$instance"
}

halt_instance() { systemctl stop -- "$instance" 2>/dev/null || true; }

has_fallen() { case $(systemctl is-active -- "$instance") in active | activating | reloading) return 1 ;; esac }

tell_instance() { words "$instance" "" "$begun"; }

# Without its own file it would be what the template says.
end_instance() {
  systemctl stop -- "$instance" 2>/dev/null || true
  systemctl disable --quiet -- "$instance" 2>/dev/null || true
  systemctl daemon-reload
  systemctl reset-failed -- "$instance" 2>/dev/null || true
}

resume_instance() {
  begun=$(date +%s)
  systemctl daemon-reload
  systemctl enable --quiet -- "$instance"
  systemctl start -- "$instance"
}

is_up() { case $(systemctl is-active -- "$instance") in active | activating | reloading) ;; *) return 1 ;; esac }

about_instance() {
  if [ -e "$file" ]; then printf 'unit\t%s\n' "$instance"; fi
  printf 'log\t%s\tunit:%s\n' "$called" "$instance"
}
