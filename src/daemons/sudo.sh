# What was wrong before is not this file's fault; what it brings is, wherever it shows (an alias that another file
# has, say).
sudo_wrong() { visudo -cf /etc/sudoers 2>&1 | grep -v ': parsed OK$\|^Warning: .*: unused ' || true; }

sudo_check() {
  command -v visudo >/dev/null || return 0
  said=$(visudo -cf "$1" 2>&1) || {
    printf '%s\n' "$said"
    return 1
  }
  [ -e "$keeping/sudo.before" ] || sudo_wrong >"$keeping/sudo.before"
}

sudo_load() {
  command -v visudo >/dev/null || return 0
  [ -e "$keeping/sudo.before" ] || : >"$keeping/sudo.before"
  brought=$(sudo_wrong | grep -vxFf "$keeping/sudo.before" || true)
  [ -z "$brought" ] || {
    printf '%s\n' "$brought"
    return 1
  }
  if [ -s "$keeping/sudo.before" ]; then
    sed 's/^/note: visudo said before as well: /' "$keeping/sudo.before"
  fi
}
