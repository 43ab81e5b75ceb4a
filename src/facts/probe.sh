# What a probe asks the host for. Nothing here writes. `say` prints a frame; $base is hostwright's place, and contents of
# up to $most bytes are shown.
set -u
system() {
  # shellcheck disable=SC1091 # the host's
  release=$(. /etc/os-release 2>/dev/null && printf %s "${PRETTY_NAME-}")
  lacks=
  for tool in dpkg-query find sha256sum flock setsid tar gzip; do
    command -v "$tool" >/dev/null 2>&1 || lacks="$lacks $tool"
  done
  busy='' doing=''
  if { [ -e "$base/lock" ] && ! flock -n "$base/lock" true 2>/dev/null; } || is_undoing; then
    busy=$(cat "$base/current" 2>/dev/null)
    busy=${busy:-unknown}
    doing=$(cat "$base/runs/$busy/about" 2>/dev/null)
  fi
  say system "" "machine=$(uname -m)
release=$release
uid=$(id -u)
ssh=${SSH_CONNECTION-}
busy=$busy
doing=$doing
lacks=$lacks"
  loaded=
  for f in "$base"/loaded/*; do
    [ -f "$f" ] && loaded="$loaded${f##*/} $(cat "$f")
"
  done
  say loaded "" "$loaded"
}
# One path a line on stdin: there may be more than a command line holds. What stands there is a line for find; after
# it come `>` (what a link leads to), `=` (what chattr(1) set that stops us), `+` (an access list) and `@` (mounts).
# shellcheck disable=SC2016 # another sh reads it
export line='%y %m %u:%g %n\t%p\t%l\n' behind='exec find -L "$@" -maxdepth 0 -printf ">$line"'
paths() {
  # shellcheck disable=SC2016 # another sh reads it
  standing=$(xargs -d '\n' -r sh -c '
    find "$@" -maxdepth 0 -printf "$line" -type l -exec sh -c "$behind" find {} +
    lsattr -d -- "$@"
    exec ls -ldgo --time-style=+ -- "$@"' find 2>/dev/null | awk -F '\t' '
    function up(path) { sub(/\/[^\/]*$/, "", path); return path }
    NR == FNR {
      n = split($0, field, " ")
      at = field[5]
      gsub(/\\040/, " ", at)
      how[at] = (field[6] "," field[n]) ~ /(^|,)ro(,|$)/ ? "ro" : "rw"
      next
    }
    $2 != "" { print }
    /^[a-zA-Z] / && $2 != "" {
      there[$2]
      if ($2 in how) print "@at\t" $2 "\t" $2
      for (at = $2; at != "" && !(at in how); at = up(at)) continue
      if (at == "") at = "/"
      if (how[at] == "ro") print "@ro\t" $2 "\t" at
    }
    $2 == "" && /^[^ ]*[ia][^ ]* / { print "=" substr($0, 1, index($0, " ") - 1) "\t" substr($0, index($0, "/")) }
    $2 == "" && /^[^ ]*\+ / { print "+\t" substr($0, index($0, "/")) }
    END {
      for (at in how)
        for (above = up(at); above != ""; above = up(above))
          if (above in there && !told[above]++) print "@below\t" above "\t" at
    }' /proc/self/mountinfo - 2>/dev/null)
  say paths "" "$standing"
}
# `SHOW SHA256  PATH` a line on stdin, SHOW being y where a file that differs may be shown.
contents() {
  wanted=$(cat)
  # Whoever reads a pipe or a device may wait for ever: it is asked for under a path that cannot be.
  case "
$standing" in
  *'
'[pscb]' '* | *'
>'[pscb]' '*)
    odd=$(printf '%s\n' "$standing" | sed -n 's/^>\{0,1\}[pscb] [^\t]*\t\([^\t]*\)\t.*/\1/p')
    wanted=$(printf '%s\n\n%s\n' "$odd" "$wanted" | awk '!body { if ($0 == "") body = 1; else odd[$0]; next }
      { path = substr($0, 69); if (path in odd) print "n " substr($0, 3, 66) "/dev/null" path; else print }')
    ;;
  esac
  sums=$(printf '%s\n' "$wanted" | cut -c 3- | sha256sum -c - 2>/dev/null)
  say sums "" "$sums"
  printf '%s\n\n%s\n' "$sums" "$wanted" |
    awk '!answers { if ($0 == "") answers = NR; else state[NR] = $0; next }
      /^y/ && state[NR - answers] ~ /: FAILED$/ { print substr($0, 69) }' |
    while IFS= read -r path; do content "$path"; done
}
# A path a line on stdin; the hash of each that is a file is said.
hashes() {
  hashed=$(while IFS= read -r path; do
    [ -f "$path" ] && sum=$(sha256sum <"$path") && printf '%s %s\n' "${sum%% *}" "$path"
  done)
  say hashes "" "$hashed"
}
tree() {
  tree=$1
  shift
  say tree "$tree" "$(find -H "$tree" -mindepth 1 -printf '%y %P\n' "$@" 2>/dev/null)"
}
listing() { say listing "$1" "$(find "$1" -mindepth 1 -maxdepth 1 -printf '%T@ %f\n' 2>/dev/null)"; }
packages() { say packages "" "$(known_packages "$@")"; }
# A line for each NAME: `installed NAME VERSION`, also where only another package provides it, or `missing NAME`.
# Then what dpkg did not get done with: `unfinished PACKAGE`, and `interrupted` where it left its own journal.
known_packages() {
  dpkg-query -W -f='${db:Status-Status} ${db:Status-Eflag}\t${Package}\t${Architecture}\t${Version}\t${Provides}\n' 2>/dev/null |
    awk -F '\t' -v asked="$*" '
      $1 != "installed ok" {
        if ($1 !~ /^(not-installed|config-files) /) print "unfinished " $2
        next
      }
      {
        version[$2 ":" $3] = $4
        if ($2 == "dpkg") native = $3
        count = split($5, names, /, */)
        for (i = 1; i <= count; i++) { sub(/[ :].*/, "", names[i]); provided[names[i]] = $4 }
      }
      END {
        count = split(asked, names, " ")
        for (i = 1; i <= count; i++) {
          split(names[i], part, ":")
          arch = part[2] == "" || part[2] == "any" ? native : part[2]
          here = version[part[1] ":" arch]
          if (here == "" && arch == native) here = version[part[1] ":all"]
          if (here != "") print "installed " names[i] " " here
          else if (part[1] in provided) print "provided " names[i] " " provided[part[1]]
          else print "missing " names[i]
        }
      }' |
    while read -r what name version; do
      case $what in
      provided) if is_real "${name%:*}"; then echo "missing $name"; else echo "installed $name $version"; fi ;;
      *) echo "$what $name${version:+ $version}" ;;
      esac
    done
  for file in /var/lib/dpkg/updates/[0-9]*; do
    if [ -e "$file" ]; then echo interrupted; fi
    break
  done
}
# Whether the index has a package of this very name: apt then installs that one, whoever provides the name.
is_real() {
  for list in /var/lib/apt/lists/*_Packages*; do
    case $list in
    *_Packages) grep -qx "Package: $1" "$list" ;;
    *) /usr/lib/apt/apt-helper cat-file "$list" | grep -qx "Package: $1" ;;
    esac && return 0
  done 2>/dev/null
  return 1
}
# Their entries as the host sees them, then the names that stand in its own file.
users() {
  say users "" "$(getent passwd -- "$@"
    while IFS=: read -r name _; do
      case " $* " in *" $name "*) echo "$name" ;; esac
    done </etc/passwd)"
}
groups() { say groups "" "$(getent group -- "$@")"; }
units() {
  what=LoadState,ActiveState,SubState,UnitFileState,Type,RemainAfterExit,Result,ExecMainStartTimestampMonotonic
  say units "" "$(systemctl show -p "$what,NeedDaemonReload" -- "$@" 2>/dev/null)"
}
content() {
  [ -f "$1" ] && size=$(wc -c <"$1") && [ "$size" -le "$most" ] || return 0
  printf '@content %s %s\n' "$size" "$1"
  head -c "$size" -- "$1"
  echo
}
