# Looks at all of rsyslog's files, the one at PATH being NEW, in a copy. What it says without it is not its fault.
rsyslog_check() {
  command -v rsyslogd >/dev/null || return 0
  copy=$keeping/rsyslog
  rm -rf -- "$copy"
  mkdir "$copy"
  cp -a -- /etc/rsyslog.d "$copy/d"
  rm -f -- "$copy/d/${2##*/}" "$copy/d"/.*.hostwright-new~
  rsyslog_copy /etc/rsyslog.conf
  rsyslog_says >"$copy/before"
  if [ "$2" = /etc/rsyslog.conf ]; then rsyslog_copy "$1"; else cp -- "$1" "$copy/d/${2##*/}"; fi
  rsyslog_says >"$copy/after"
  if grep -vxFf "$copy/before" "$copy/after"; then
    echo "rsyslog does not take $2"
    return 1
  fi
  sed "s|^|note: rsyslog says without $2 as well: |" "$copy/before"
}

rsyslog_copy() { sed "s|/etc/rsyslog\.d|$copy/d|" "$1" >"$copy/conf"; }

rsyslog_says() {
  rsyslogd -N1 -f "$copy/conf" 2>&1 | grep -v 'config validation run' | sort -u |
    sed "s|$copy/d|/etc/rsyslog.d|g; s|$copy/conf|/etc/rsyslog.conf|g"
}

rsyslog_load() {
  command -v rsyslogd >/dev/null || return 0
  systemctl is-active --quiet rsyslog || systemctl is-enabled --quiet rsyslog || return 0
  for path; do rsyslog_check "$path" "$path" >"$keeping/rsyslog.said" || {
    cat "$keeping/rsyslog.said"
    return 1
  }; done
  systemctl reset-failed rsyslog 2>/dev/null || true
  daemon restart rsyslog
}
