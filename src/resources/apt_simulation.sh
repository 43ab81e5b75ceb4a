# An index that is older than $minutes is refreshed before something is installed from it.

# What installing would bring. Asked only when something is missing, since it takes a second. A plan writes nothing: no
# log, and no cache. apt writes neither of its two where the directory of the first takes no file, and reads the second,
# of the index alone, all the same if it is valid (apt-pkg/pkgcachegen.cc, MakeStatusCache).
simulate() {
  [ -n "$2" ] || return 0
  # shellcheck disable=SC2086 # words on purpose
  apt-get -s -y -o Dir::Cache::pkgcache=/proc/none/pkgcache.bin -o Debug::NoLocking=1 \
    -o Dir::Log::Planner=/dev/null -o Dir::Log::Solver=/dev/null $fix $1 install $2 2>&1 |
    sed -n 's/^Inst \([^ ]*\) \[\([^]]*\)\] (\([^ ]*\) .*/upgrade \1 \2 \3/p
      s/^Inst \([^ ]*\) (\([^ ]*\) .*/install \1 \2/p
      s/^Remv \([^ ]*\).*/remove \1/p
      /is a virtual package provided by:$/,/^$/ {
        s/^Package \([^ ]*\) .*/virtual \1/p
        s/^  \([^ ]*\) .*/provider \1/p
      }
      /^The following packages have unmet dependencies:$/,/^E: / s/^  *\([^ ].*\)/error \1/p
      s/^E: /error /p'
}
missing() {
  for name in "$@"; do
    case "
$known
" in *"
missing $name
"*) printf '%s ' "$name" ;; esac
  done
}
fresh() {
  # The lists bear the mirror's times; apt works in `partial` whenever it looks for newer ones.
  lists=/var/lib/apt/lists
  [ -n "$(find $lists -maxdepth 1 -name '*Packages*' | head -n 1)" ] &&
    [ -n "$(find $lists/partial -maxdepth 0 -mmin "-$minutes")" ] &&
    [ -z "$(find /etc/apt/sources.list /etc/apt/sources.list.d -cnewer $lists/partial | head -n 1)" ]
} 2>/dev/null

# begin NAME...: what is known of these packages; ends the question where none is missing and dpkg was not interrupted.
begin() {
  known=$(known_packages "$@")
  fix=
  case $known in
  *unfinished* | *interrupted*) fix=--fix-broken ;;
  *missing*) ;;
  *) exit 0 ;;
  esac
  if fresh; then echo fresh; fi
}
