# shellcheck shell=sh # `reading` is the plan's

# What of the packages $2 that are there would go, and what with them: going VERB PACKAGES. Of those that are held it is
# told as well, beside the error: a step before it may let them go.
going() {
  [ -n "$2" ] || return 0
  # shellcheck disable=SC2086 # words on purpose
  said=$(reading "$1" $2)
  case $said in *'--allow-change-held-packages'*)
    # shellcheck disable=SC2086 # words on purpose
    said="$said
$(reading --allow-change-held-packages "$1" $2)"
    ;;
  esac
  printf '%s\n' "$said" | sed -n 's/^\(Remv\|Purg\) \([^ ]*\).*/goes \2/p
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
