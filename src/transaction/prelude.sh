# A run of hostwright's. It goes on when the connection that started it is gone; its journal says how far it got.
set -u
umask 022
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
base=/var/lib/hostwright
run=$base/runs/$id

mark() { printf '@%s %s %s\n' "$token" "$*" "$(date +%s%3N)"; }

# forget RUN: no secret outlives its run here: not one that it wrote, replaced, or that a step printed. In the
# journal stars take its place, as many as it had bytes: whoever follows goes on where he was.
forget() {
  if [ -e "$1/files/secrets" ]; then
    perl -e 'local $/; open S, "<", $ARGV[0] or die; open J, "+<", $ARGV[1] or die; my $text = <J>;
      for my $secret (split /\0/, <S>) { $text =~ s/\Q$secret\E/"*" x length $secret/ge }
      seek J, 0, 0; print J $text; close J or die' "$1/files/secrets" "$1/journal" || rm -f -- "$1/journal"
  fi
  rm -rf -- "$1/files" "$1"/kept/*/*.secret
}

finish() {
  forget "$run"
  rm -f -- "$base/current"
  mark end "$1"
  exit 0
}

# keep PATH [SUFFIX]: remembers what stands at a path, so that a failed step can put it back. The path is
# noted last: what could not be kept whole (a full disk) has not been touched either.
keep() {
  if [ -d "$1" ] && [ ! -L "$1" ]; then
    stat -c '%a %u:%g' -- "$1" >"$keeping/$((kept + 1)).directory"
  elif [ -e "$1" ] || [ -L "$1" ]; then
    cp -a -- "$1" "$keeping/$((kept + 1)).${2-old}"
  fi
  kept=$((kept + 1))
  printf '%s' "$1" >"$keeping/$kept.path" || {
    rm -f -- "$keeping/$kept.path"
    return 1
  }
}

put_back() {
  n=0
  while [ -e "$keeping/$((n + 1)).path" ]; do n=$((n + 1)); done
  while [ "$n" -gt 0 ]; do
    path=$(cat "$keeping/$n.path")
    if put_one_back; then
      echo "put back: $path"
    else
      echo "could not put back: $path (what stood there is kept in $keeping)"
    fi
    n=$((n - 1))
  done
}

put_one_back() {
  beside=${path%/*}/.${path##*/}.hostwright-new~
  rm -f -- "$beside"
  for old in "$keeping/$n.old" "$keeping/$n.secret"; do
    if [ -e "$old" ] || [ -L "$old" ]; then
      cp -a -- "$old" "$beside" && mv -fT -- "$beside" "$path" && return
      rm -f -- "$beside"
      return 1
    fi
  done
  if [ -e "$keeping/$n.directory" ]; then
    if [ -d "$keeping/$n.moved" ]; then mv -T -- "$keeping/$n.moved" "$path" || return; fi
    read -r mode owner <"$keeping/$n.directory"
    chown "$owner" -- "$path" && chmod "=$mode" -- "$path"
  elif [ -d "$path" ] && [ ! -L "$path" ]; then
    rmdir -- "$path"
  else
    rm -f -- "$path"
  fi
}

# parents PATH: makes the directories above it that are missing; a failed step takes them away again.
parents() {
  if [ -z "${1%/*}" ] || [ -d "${1%/*}" ]; then return; fi
  parents "${1%/*}"
  keep "${1%/*}"
  mkdir -- "${1%/*}"
}

# put SHA256 PATH MODE OWNER [VALIDATION]
put() {
  parents "$2"
  from=$base/store/$1 suffix=old
  if [ -e "$run/files/$1" ]; then from=$run/files/$1 suffix=secret; fi
  keep "$2" "$suffix"
  new=${2%/*}/.${2##*/}.hostwright-new~
  # It takes away what stands there, and gives the mode last: nobody reads the file before it is theirs. By its
  # name in a process list, which is its hash, a secret could be guessed.
  install -T -o "${4%:*}" -g "${4#*:}" -m "$3" -- /dev/stdin "$new" <"$from"
  if [ -n "${5-}" ]; then eval "$5"; fi
  sync -- "$new"
  mv -fT -- "$new" "$2"
}

# attributes PATH MODE OWNER. A mode without `=` would leave the set-ID bits of a directory as they are.
attributes() {
  keep "$1"
  chown "$3" -- "$1"
  chmod "=$2" -- "$1"
}

# directory PATH MODE OWNER
directory() {
  parents "$1"
  if [ ! -d "$1" ]; then
    keep "$1"
    mkdir -- "$1"
  fi
  attributes "$@"
}

# link PATH TARGET
link() {
  parents "$1"
  keep "$1"
  new=${1%/*}/.${1##*/}.hostwright-new~
  rm -f -- "$new"
  ln -s -- "$2" "$new"
  mv -fT -- "$new" "$1"
}

# remove PATH: what stands there moves to the run's own folder.
remove() {
  if [ ! -e "$1" ] && [ ! -L "$1" ]; then return; fi
  keep "$1"
  if [ -d "$1" ] && [ ! -L "$1" ]; then mv -T -- "$1" "$keeping/$kept.moved"; else rm -f -- "$1"; fi
}

loaded() { printf '%s\n' "$2" >"$base/loaded/.new" && mv -f "$base/loaded/.new" "$base/loaded/$1"; }
# unloaded NAME: from here until `loaded` it is not known what the daemon runs with.
unloaded() {
  if [ -e "$base/loaded/$1" ]; then cp -f -- "$base/loaded/$1" "$keeping/$1.loaded"; fi
  loaded "$1" -
}

# loaded_again NAME COMMAND…: lets the daemon NAME load what was put back, and remembers what was remembered before.
loaded_again() {
  daemon=$1
  shift
  (
    set -e
    "$@"
  ) >"$keeping/again" 2>&1
  # shellcheck disable=SC2181 # `if` would take `set -e` away.
  if [ $? -ne 0 ]; then
    echo "$daemon does not run with what was put back; it says:"
    cat "$keeping/again"
    return
  fi
  for name in "$base/loaded/$daemon@"*; do
    name=${name##*/}
    [ "$(cat "$base/loaded/$name" 2>/dev/null)" = - ] || continue
    if [ -e "$keeping/$name.loaded" ]; then mv -f -- "$keeping/$name.loaded" "$base/loaded/$name"; else rm -f -- "$base/loaded/$name"; fi
  done
}

# take_back PATH: puts back what earlier steps of this run replaced at PATH or above it (`current` above
# a program), for a daemon that cannot start from what is new. What was not there before goes away again.
take_back() {
  for entry in "$run"/kept/*/*.path; do
    [ -e "$entry" ] || continue
    path=$(cat "$entry")
    case $1/ in "$path"/*) ;; *) continue ;; esac
    old=${entry%.path}
    if [ "$path" = "$1" ] || [ -e "$old.old" ] || [ -L "$old.old" ] || [ -e "$old.secret" ]; then
      (keeping=${entry%/*} n=${old##*/} && put_one_back) && echo "put back: $path"
    fi
  done
}

# confirm_access SECONDS: goes on only if the controller gets in by a new connection.
confirm_access() {
  rm -f "$run/confirmed"
  mark confirm "$number"
  tries=$(($1 * 10))
  while [ ! -e "$run/confirmed" ]; do
    tries=$((tries - 1))
    if [ "$tries" -le 0 ]; then
      echo "no new SSH connection got in within $1 s"
      exit 1
    fi
    sleep 0.1
  done
}

# step NUMBER: runs step_NUMBER; when it fails, puts back what it touched and ends the run.
step() {
  number=$1
  keeping=$run/kept/$1
  mkdir -p "$keeping"
  chmod 0700 "$keeping"
  mark started "$1"
  # Without the lock's descriptor: a daemon that a step starts must not hold the lock for ever.
  (
    set -e
    kept=0
    "step_$1"
  ) </dev/null 9>&-
  status=$?
  if [ "$status" -eq 0 ]; then
    mark done "$1"
    return
  fi
  put_back
  ("recover_$1") </dev/null 9>&-
  mark failed "$1"
  finish failed
}

exec >>"$run/journal" 2>&1
exec 9>"$base/lock"
# A probe that asks whether the lock is free holds it for a moment; another run holds it longer.
if ! flock -w 1 9; then
  forget "$run"
  mark end busy
  exit 0
fi
printf '%s\n' "$id" >"$base/current"
# Runs that were cut off could not forget.
for other in "$base"/runs/*; do
  if [ "$other" != "$run" ] && [ -e "$other/journal" ]; then forget "$other"; fi
done
