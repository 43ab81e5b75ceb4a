# shellcheck shell=sh disable=SC2154 # $keeping is the run's
# Waits for whoever holds dpkg (cloud-init and unattended-upgrades do on a first boot), asks nothing,
# keeps configuration files that were changed, restarts no service that is not ours to restart.
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l NEEDRESTART_SUSPEND=1
if command -v cloud-init >/dev/null 2>&1; then timeout 600 cloud-init status --wait >/dev/null 2>&1 || true; fi
# apt-get itself waits for dpkg's lock only, and apt-daily holds those of the lists and the archives; dpkg waits
# for none.
patiently() {
  tries=300
  while :; do
    { status=0; "$@" 2>&1 || status=$?; echo "$status" >"$keeping/status"; } | tee "$keeping/said"
    status=$(cat "$keeping/status")
    if [ "$status" = 0 ] || ! grep -Eq '^E: Could not get lock|^dpkg: error: .* (locked by another|is locked)|^debconf: .* is locked by another' "$keeping/said"; then
      return "$status"
    fi
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || return "$status"
    sleep 2
  done
}
apt() { patiently apt-get -q -o APT::Cmd::Pattern-Only=true -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"; }
# What dpkg cannot finish alone apt mends, or names: what depends on what is missing, and what was half unpacked.
# The latter it takes for installed unless it is told to install it anew.
finish_interrupted() {
  patiently dpkg --force-confdef --force-confold --configure -a || true
  half=$(dpkg-query -W -f='${db:Status-Eflag} ${binary:Package}\n' | sed -n 's/^reinstreq //p')
  # shellcheck disable=SC2086 # words on purpose
  if [ -n "$half" ]; then apt -y --no-remove --reinstall install $half; fi
  apt -y --no-remove --fix-broken install
}
