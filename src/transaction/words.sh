# words UNIT SAID SINCE: what systemctl said, without its advice to log in and look, and the unit's own last lines.
words() {
  printf '%s\n' "$2" | grep -v -e 'journalctl -x' -e 'systemctl status' -e '^$' || true
  [ -d /run/systemd/journal ] || return 0
  journalctl --sync 2>/dev/null || true
  echo "the last lines of $1:"
  journalctl --quiet --no-pager --output=short --lines=20 --since="@$3" --unit="$1" || true
}
