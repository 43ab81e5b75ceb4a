# What all backups of a playbook do; each says before what it is. `run` makes an archive, `list` tells what there is,
# `verify [ARCHIVE]` reads one to its end, `changes [ARCHIVE]` tells what `restore [ARCHIVE]` would do. An archive counts
# when its manifest stands beside it, which comes last. `-` behind an archive's name: the age identity that opens it is
# read from standard input.
set -u
umask 077
identity=

# take: nothing else of this backup goes on meanwhile.
take() {
  mkdir -p -- "$state" "$work" || exit 1
  exec 9>"$state/lock"
  if ! flock -w "$1" 9; then
    echo "another run of the backup $name is under way"
    exit 75
  fi
  trap clear EXIT
  clear
}

# clear: what is in the making, or was cut off.
clear() {
  rm -rf -- "$state/opened" "$state/list" "$state/kept/.part" "$work/.$prefix.part" "$work/.$prefix.part.age" \
    "$work/.$prefix.part.manifest" "$work/.$prefix.got"
}

# hook WORD TEXT
hook() {
  [ -n "$2" ] || return 0
  sh -ec "$2" </dev/null 9>&- && return
  echo "the hook \`$1\` failed"
  return 1
}

# counted: of `SIZE NAME` lines and manifests on standard input, what counts, the oldest first:
# NAME SIZE MADE ENTRIES SHA256.
counted() {
  awk -v prefix="$prefix-" '
    $1 == "archive" { at = $2; next }
    $1 == "sha256" { sum[at] = $2; next }
    $1 == "size" { told[at] = $2; next }
    $1 == "entries" { entries[at] = $2; next }
    $1 == "made" { made[at] = $2; next }
    NF == 2 { size[$2] = $1 }
    END {
      for (at in made) {
        name = at
        sub(/^before-/, "", name)
        if (!(at in size) || size[at] != told[at] || index(name, prefix) != 1) continue
        if (substr(name, length(prefix) + 1) ~ /^[0-9]+T[0-9]+Z\.tar\.[a-z.]+$/) print at, size[at], made[at], entries[at], sum[at]
      }
    }' | sort
}

archives() {
  listed=$(listing) || return
  told=$(manifests) || return
  printf '%s\n' "$listed" "$told" | counted
}

# kept: the same of what stood here before restores, and of what was brought for one.
kept() {
  { find "$state/kept" -maxdepth 1 -type f -printf '%s %f\n' && find "$state/kept" -maxdepth 1 -name '*.manifest' -exec cat -- {} +; } 2>/dev/null | counted
}

# manifest FILE NAME sealed|plain: proves that the archive can be read to its end, encrypts it, and says what it is.
manifest() {
  entries=$(tar --list --file "$1" >"$state/list" && wc -l <"$state/list") || return
  if [ "$3" = sealed ] && [ -n "$recipients" ]; then
    printf '%s\n' "$recipients" | age --encrypt --recipients-file - --output "$1.age" -- "$1" || return
    mv -fT -- "$1.age" "$1" || return
  fi
  sum=$(sha256sum <"$1") || return
  printf 'archive %s\nsha256 %s\nsize %s\nentries %s\nmade %s\n' "$2" "${sum%% *}" "$(stat -c %s -- "$1")" "$entries" "$(date +%s)" >"$1.manifest"
}

pack() {
  for path in $roots; do
    if [ -L "/$path" ]; then
      echo "/$path is a link, of which nothing but the link would be packed: name where it leads"
      return 1
    fi
  done
  # tar says 1 when a file changed while it was read: the archive is whole.
  selected --create --file "$1" "$compress" --acls --xattrs --warning=no-file-changed --warning=no-file-ignored || [ $? -eq 1 ]
}

back_up() {
  if [ -n "$remote" ] && [ -e "$rehearsal" ]; then
    echo "this host is a rehearsal: nothing goes to $place from here"
    return 1
  fi
  archive=$prefix-$(date -u +%Y%m%dT%H%M%SZ).$suffix
  part=$work/.$prefix.part
  packed=
  if hook before "$before" && pack "$part"; then packed=yes; fi
  # What `before` stopped must run again in any case.
  ended=yes
  hook after "$after" || ended=
  [ -n "$packed" ] || return
  manifest "$part" "$archive" sealed && put "$part" "$archive" && put "$part.manifest" "$archive.manifest" || return
  all=$(archives) || return
  newest=$(printf '%s\n' "$all" | tail -n 1)
  if [ "${newest%% *}" != "$archive" ]; then
    echo "$archive is not there after it was written to $place"
    return 1
  fi
  note newest "$newest"
  # Only now may older ones go, and what was cut off.
  printf '%s\n' "$all" | cut -d ' ' -f 1 | tail -n "$keep" | sed 'p; s/$/.manifest/' >"$state/list"
  listing | cut -d ' ' -f 2- | while read -r old; do
    rest=${old#"$prefix-"}
    case ${rest%%Z.tar.*} in *[!0-9T]*) continue ;; esac
    grep -qxF -e "$old" "$state/list" || drop "$old" </dev/null || echo "$old could not be removed"
  done
  [ -n "$ended" ] || return
  echo "$archive has $(printf '%s\n' "$newest" | cut -d ' ' -f 4) entries"
}

# note WHAT TEXT
note() { printf '%s\n' "$2" >"$state/.note" && mv -fT -- "$state/.note" "$state/$1"; }

tell() { logger -t "backup-$playbook-$name" -- "$1" 2>/dev/null || true; }

only() { awk -v name="$1" '$1 == name'; }

# find_archive NAME: sets $line and $got, its bytes proved by its hash. The newest where none is named.
find_archive() {
  line=
  [ -z "$1" ] || line=$(kept | only "$1")
  if [ -n "$line" ]; then
    got=$state/kept/$1
  else
    all=$(archives) || return
    if [ -n "$1" ]; then line=$(printf '%s\n' "$all" | only "$1"); else line=$(printf '%s\n' "$all" | tail -n 1); fi
    if [ -z "$line" ]; then
      echo "there is no archive ${1:-of $name} in $place"
      return 1
    fi
    got=$(get "${line%% *}") || return
  fi
  archive=${line%% *}
  sum=$(sha256sum <"$got") || return
  if [ "${sum%% *}" != "${line##* }" ]; then
    echo "$archive is not what was written: its SHA-256 is ${sum%% *}, that of its manifest ${line##* }"
    return 1
  fi
}

# open_archive: sets $opened, the same without its encryption.
open_archive() {
  opened=$got
  case $archive in *.age) ;; *) return 0 ;; esac
  if [ -z "$identity" ]; then
    echo "$archive is encrypted, and no age identity was given to open it"
    return 1
  fi
  opened=$state/opened
  printf '%s\n' "$identity" | age --decrypt --identity - --output "$opened" -- "$got"
}

verify() {
  find_archive "$1" || return
  case $archive in
  *.age) [ -n "$identity" ] || {
    echo "$archive is what was written; it is encrypted, so that its contents were not read"
    return 0
  } ;;
  esac
  open_archive || return
  tar --list --file "$opened" >"$state/list" || return
  entries=$(wc -l <"$state/list")
  if [ "$entries" != "$(printf '%s\n' "$line" | cut -d ' ' -f 4)" ]; then
    echo "$archive has $entries entries, and its manifest says otherwise: $line"
    return 1
  fi
  echo "$archive was read to its end: $entries entries"
}

# names: the names that tar prints, with a zero byte behind each.
names() { perl -ne 'BEGIN { %e = (n => "\n", t => "\t", r => "\r", a => "\a", b => "\b", f => "\f", v => "\x0b") }
  chomp; s/\\([0-7]{3}|.)/exists $e{$1} ? $e{$1} : length $1 == 3 ? chr oct $1 : $1/ge; print "$_\0"'; }

# differences: what differs between the opened archive and this host, as `SIGN NAME` and for `~` a tab and why.
differences() {
  tar --list --file "$opened" | sort -u >"$state/in" || return
  selected --create --verbose --file /dev/null 2>/dev/null | sort -u >"$state/now"
  comm -13 "$state/in" "$state/now" >"$state/gone"
  tar --compare --file "$opened" --directory / >"$state/differs" 2>"$state/missing"
  # tar says 1 where something differs.
  if [ $? -gt 1 ]; then
    sed -n '/No such file or directory$/!p' "$state/missing" | grep -v 'Error is not recoverable\|Exiting with failure' >&2 && return 1
  fi
  sed -n 's/^tar: \(.*\): Warning: Cannot stat: No such file or directory$/+ \1/p' "$state/missing"
  # The time of a directory changes with what is in it.
  awk -F ': ' 'NR == FNR { if (sub(/\/$/, "")) directory[$0] = 1; next }
    { why = $NF; name = substr($0, 1, length($0) - length(why) - 2); sub(/\/$/, "", name) }
    why == "Mod time differs" && name in directory { next }
    name != "" { print "~ " name "\t" why }' "$state/in" "$state/differs"
  sed 's/^/- /' "$state/gone"
}

# into_place FILE: makes this host what the archive holds; `differences` has been asked of it.
into_place() {
  names <"$state/gone" | perl -0 -ne 'chomp; push @all, "/$_"; END { for (reverse sort @all) { s{/$}{}; -d $_ && !-l $_ ? rmdir $_ : unlink $_ } }'
  tar --extract --file "$1" --directory / --preserve-permissions --same-owner --acls --xattrs
}

# supervised NAME: the programs of supervisor's that run under that name.
supervised() {
  supervisorctl status 2>/dev/null | awk -v name="$1" '
    $2 != "RUNNING" && $2 != "STARTING" && $2 != "BACKOFF" { next }
    { group = $1; sub(/:.*/, "", group) }
    group == name { print $1 }'
}

# stop_readers: those that run; $running names them, a line each.
stop_readers() {
  running=
  while read -r runner reader; do
    case $runner in
    supervisor)
      for program in $(supervised "$reader"); do
        supervisorctl stop "$program" >/dev/null || return
        running="$running$runner $program
"
      done
      ;;
    systemd)
      systemctl is-active --quiet -- "$reader" || continue
      systemctl stop -- "$reader" || return
      running="$running$runner $reader
"
      ;;
    esac
  done <<END
$readers
END
}

# starts RUNNER NAME
starts() {
  case $1 in
  supervisor)
    supervisorctl start "$2" | grep -v ': started$'
    [ -n "$(supervised "${2%%:*}")" ]
    ;;
  systemd) systemctl start -- "$2" ;;
  esac
}

start_readers() {
  started=yes
  while read -r runner reader; do
    [ -n "$runner" ] || continue
    if starts "$runner" "$reader"; then
      echo "started again: $runner.$reader"
    else
      echo "$runner.$reader does not run"
      started=
    fi
  done <<END
$running
END
  [ -n "$started" ]
}

# put_aside: keeps what stands here and would be replaced, as an archive of its own. Sets $aside.
put_aside() {
  aside=before-$prefix-$(date -u +%Y%m%dT%H%M%SZ).tar.gz
  mkdir -p -- "$state/kept"
  sort -u "$state/in" "$state/now" | names | perl -0 -ne 'chomp; print "$_\0" if lstat "/$_"' >"$state/list" || return
  mv -fT -- "$state/list" "$state/aside"
  tar --create --gzip --file "$state/kept/.part" --directory / --acls --xattrs --no-recursion --null --verbatim-files-from \
    --files-from "$state/aside" --warning=no-file-changed || [ $? -eq 1 ] || return
  manifest "$state/kept/.part" "$aside" plain && sync -- "$state/kept/.part" && mv -fT -- "$state/kept/.part" "$state/kept/$aside" &&
    mv -fT -- "$state/kept/.part.manifest" "$state/kept/$aside.manifest" || return
  # The last three stay.
  kept | sed -n 's/^\(before-[^ ]*\) .*/\1/p' | head -n -3 | while read -r old; do rm -f -- "$state/kept/$old.manifest" "$state/kept/$old"; done
}

restore() {
  find_archive "$1" && open_archive && differences >"$state/changes" || return
  if [ ! -s "$state/changes" ]; then
    echo "nothing differs from $archive"
    return 0
  fi
  if ! hook before "$before"; then
    hook after "$after"
    echo "nothing was restored, as what stands here could not be kept"
    return 1
  fi
  # What the hook wrote stands here, too.
  { [ -z "$before" ] || differences >"$state/changes"; } && put_aside
  kept_it=$?
  hook after "$after" && [ "$kept_it" -eq 0 ] || return 1
  stop_readers || {
    start_readers
    return 1
  }
  wrong=
  if ! into_place "$opened"; then
    wrong="$archive could not be restored whole"
    echo "$wrong"
    opened=$state/kept/$aside
    if differences >"$state/changes" && into_place "$opened"; then echo "what stood here was put back"; else echo "what stood here is kept: $opened"; fi
  else
    differences >"$state/changes"
    sed 's/^/differs still: /' "$state/changes"
  fi
  start_readers || wrong=yes
  [ -n "$wrong" ] || hook restored "$restored" || wrong=yes
  echo "what stood here before is kept as $aside"
  [ -z "$wrong" ]
}

# first FILE: the first line that was noted.
first() { head -n 1 -- "$state/$1" 2>/dev/null; }

# outcome: how the last run ended, in its last words.
outcome() { tail -n +2 -- "$state/last" 2>/dev/null | grep -v -e 'Exiting with failure' -e 'Error is not recoverable' | tail -n 1; }

# problem: what is wrong with this backup, if anything is.
problem() {
  now=$(date +%s)
  last=$(first last)
  case $last in
  *' failed'*)
    echo "the last run of the backup $name failed: $(outcome)"
    return
    ;;
  esac
  made=$(first newest | cut -d ' ' -f 3)
  what="the newest archive of the backup $name"
  if [ -z "$made" ]; then
    made=$(stat -c %Z -- "$own/run")
    what="there is no archive of the backup $name, which"
  fi
  if [ $((now - made)) -gt "$max_age" ]; then echo "$what is $(((now - made) / 3600)) hours old"; fi
}

# news: what is wrong and has not been told, or that nothing is wrong any more. A run that fails is told once, and so is
# that the newest archive is too old.
news() {
  wrong=$(problem)
  case $wrong in
  '') told= ;;
  *' hours old') told=old ;;
  *) told=$(first last) ;;
  esac
  if [ "$told" = "$(first told)" ]; then return; fi
  mkdir -p -- "$state" && note told "$told"
  echo "${wrong:-the backup $name is well again}"
}

about() {
  printf '%s=%s\n' playbook "$playbook" name "$name" place "$place" schedule "$schedule" keep "$keep" max_age "$max_age" \
    encrypted "${recipients:+yes}" last "$(first last)" said "$(outcome)" \
    newest "$(first newest)" verified "$(first verified)" drilled "$(first drilled)" problem "$(problem)"
}

verb=${1:-run}
archive=${2:-}
if [ "${3:-}" = - ]; then identity=$(cat); fi
case $verb in
about) about ;;
news) news ;;
list)
  take 60
  all=$(archives) || exit 1
  about
  printf '%s\n' "$all" | sed -n 's/^./archive=&/p'
  kept | sed 's/^/kept=/'
  ;;
run)
  trap '' HUP PIPE
  take 5
  (set -e; back_up) >"$state/said" 2>&1
  code=$?
  outcome=ok
  if [ "$code" -ne 0 ]; then outcome=failed; fi
  note last "$(date +%s) $outcome
$(cat "$state/said")"
  tell "$(cat "$state/said")"
  if [ "$code" -ne 0 ]; then cat "$state/said" >&2; else cat "$state/said"; fi
  exit "$code"
  ;;
verify)
  take 60
  verify "$archive" >"$state/said" 2>&1
  code=$?
  outcome=ok
  if [ "$code" -ne 0 ]; then outcome=failed; fi
  note verified "${archive:--} $(date +%s) $outcome $(tail -n 1 "$state/said")"
  cat "$state/said"
  exit "$code"
  ;;
changes)
  take 60
  find_archive "$archive" && open_archive || exit
  printf 'archive\t%s\n' "$line"
  differences
  ;;
restore)
  # It goes on when nobody listens any more.
  trap '' HUP PIPE
  take 60
  restore "$archive" >"$state/said" 2>&1
  code=$?
  tell "restore of $archive: $(cat "$state/said")"
  cat "$state/said"
  exit "$code"
  ;;
fetch)
  take 60
  find_archive "$archive" >&2 && cat -- "$got"
  ;;
drilled)
  # What a rehearsal with an archive proved: `ok` or `failed`, and why.
  take 60
  note drilled "$archive $(date +%s) $3 ${4:-}"
  ;;
*)
  echo "usage: $0 run|list|verify|changes|restore [ARCHIVE [-]]" >&2
  exit 64
  ;;
esac
