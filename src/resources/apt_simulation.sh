# shellcheck shell=sh disable=SC2154 # $minutes is Rust's, and so are `reading` and `known_packages`

# What installing would bring: simulate OPTION PACKAGES. Asked only when something is due, since it takes a second. What
# apt does not know (yet) is told, and the others are asked for without it.
simulate() {
  [ -n "$2" ] || return 0
  options="$fix $1 --allow-downgrades"
  for package in $2; do
    case " $held " in *" ${package%%=*} "*) options="$options --allow-change-held-packages" ;; esac
  done
  # shellcheck disable=SC2086 # words on purpose
  said=$(reading $options install $2)
  unknown=$(printf '%s\n' "$said" | sed -n 's/^E: Unable to locate package //p
    s/^E: Version .* for .\(.*\). was not found$/\1/p
    s/^E: Package .\(.*\). has no installation candidate$/\1/p')
  told "$said"
  rest=
  for package in $2; do
    case "
$unknown
" in *"
${package%%=*}
"*) ;; *) rest="$rest $package" ;; esac
  done
  if [ -n "$unknown" ] && [ -n "$rest" ]; then
    # shellcheck disable=SC2086 # words on purpose
    told "$(reading $options install $rest)"
  fi
}
told() {
  printf '%s\n' "$1" |
    sed -n 's/^Inst \([^ ]*\) \[\([^]]*\)\] (\([^ ]*\) .*/upgrade \1 \2 \3/p
      s/^Inst \([^ ]*\) (\([^ ]*\) .*/install \1 \2/p
      s/^Remv \([^ ]*\).*/remove \1/p
      /^The following packages will be DOWNGRADED:$/,/^[^ ]/ s/^  */downgrade /p
      /is a virtual package provided by:$/,/^$/ {
        s/^Package \([^ ]*\) .*/virtual \1/p
        s/^  \([^ ]*\) .*/provider \1/p
      }
      /^The following packages have unmet dependencies:$/,/^E: / s/^  *\([^ ].*\)/error \1/p
      s/^E: /error /p'
}
# Of these packages (`NAME`, or `NAME=VERSION` with `*`) those that are missing, or there in another version.
due() {
  for package in "$@"; do
    name=${package%%=*}
    case "
$known
" in
    *"
missing $name
"*) printf '%s ' "$package" ;;
    *)
      here=$(printf '%s\n' "$known" | awk -v name="$name" '$1 == "installed" && $2 == name { print $3 }')
      case $package in *=*)
        # shellcheck disable=SC2254 # a pattern on purpose
        case $here in ${package#*=}) ;; *) printf '%s ' "$package" ;; esac
        ;;
      esac
      ;;
    esac
  done
}
fresh() {
  # The lists bear the mirror's times; apt works in `partial` whenever it looks for newer ones.
  lists=/var/lib/apt/lists
  [ -n "$(find $lists -maxdepth 1 -name '*Packages*' | head -n 1)" ] &&
    [ -n "$(find $lists/partial -maxdepth 0 -mmin "-$minutes")" ] &&
    [ -z "$(find /etc/apt/sources.list /etc/apt/sources.list.d -cnewer $lists/partial | head -n 1)" ]
} 2>/dev/null

# begin PACKAGE...: what is known of these packages; ends the question where none is due and dpkg was not interrupted.
begin() {
  names=
  for package in "$@"; do names="$names ${package%%=*}"; done
  # shellcheck disable=SC2086 # words on purpose
  known=$(known_packages $names)
  fix=
  case $known in
  *unfinished* | *interrupted*) fix=--fix-broken ;;
  *) [ -n "$(due "$@")" ] || exit 0 ;;
  esac
  if fresh; then echo fresh; fi
}
