# shellcheck shell=sh
# Waits until a machine that was just made can be used: cloud-init has ended, and nobody holds dpkg's or apt's locks.
# Says what it waits for (`wait …`) and what is odd (`note …`). Ends with 1 when 30 minutes were not enough.
left=1800
said=
pause() {
  if [ "$said" != "$1" ]; then
    said=$1
    printf 'wait %s\n' "$1"
  fi
  left=$((left - 1))
  [ "$left" -gt 0 ] || exit 1
  sleep 1
}
# cloud-init's generator says so on every boot that it takes part in.
while [ -e /run/cloud-init/enabled ] && [ ! -e /var/lib/cloud/instance/boot-finished ]; do
  if systemctl is-failed --quiet cloud-final.service; then break; fi
  pause "cloud-init to end its first boot"
done
if [ -e /run/cloud-init/result.json ] && ! grep -q '"errors": \[\]' /run/cloud-init/result.json; then
  echo "note cloud-init ended with errors: \`cloud-init status --long\` on the machine shows them"
fi
# Which process holds one of the locks (proc(5), /proc/locks: the fifth word, and DEVICE:INODE in the sixth).
holder() {
  for lock in /var/lib/dpkg/lock-frontend /var/lib/dpkg/lock /var/lib/apt/lists/lock /var/cache/apt/archives/lock; do
    inode=$(stat -c %i "$lock" 2>/dev/null) || continue
    while read -r _ _ _ _ pid place _; do
      if [ "${place##*:}" = "$inode" ]; then
        cat "/proc/$pid/comm" 2>/dev/null || echo "a process"
        return
      fi
    done </proc/locks
  done
}
while who=$(holder) && [ -n "$who" ]; do
  pause "dpkg, which $who holds"
done
