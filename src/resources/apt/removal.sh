# shellcheck shell=sh # `reading` is the plan's

# What of the packages $2 that are there would go, and what with them: going VERB PACKAGES.
going() {
  [ -n "$2" ] || return 0
  # shellcheck disable=SC2086 # words on purpose
  reading "$1" $2 | sed -n 's/^\(Remv\|Purg\) \([^ ]*\).*/goes \2/p
    s/^E: /error /p'
}
# on_host STATUSES PACKAGE...: those of the packages that dpkg knows in one of these states, with their versions.
on_host() {
  states=$1
  shift
  [ $# -gt 0 ] || return 0
  dpkg-query -W -f='${db:Status-Status} ${Package} ${Version}\n' "$@" 2>/dev/null |
    sed -n "s/^\($states\) /\1 /p"
}
