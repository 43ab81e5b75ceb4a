# A run of hostwright's. It goes on when the connection that started it is gone; its journal says how far it got.
# $id and $token are its own, $base is hostwright's place, $undo_unit the unit that undoes a step.
set -u
umask 022
run=$base/runs/$id
undo_wanted=${undo_unit%/*}/multi-user.target.wants/${undo_unit##*/}
newline='
'

# In milliseconds; coreutils in Rust (0.0.30) know nanoseconds only.
mark() {
  moment=$(date +%s%N)
  printf '@%s %s %s\n' "$token" "$*" "${moment%??????}"
}

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

# first_to_go: when memory is short the kernel ends what this shell starts, and not the run itself or what the host is
# there for: then the step fails, and is undone (oom_score_adj, proc(5)).
first_to_go() { { echo 500 >/proc/self/oom_score_adj; } 2>/dev/null || true; }

# need_words: makes room for what has to be said where the disk is full. It was kept since before the run began.
need_words() {
  if [ ! -e "$run/reserve" ]; then return; fi
  head -c 4096 /dev/zero >"$run/room" 2>/dev/null
  code=$?
  rm -f -- "$run/room" "$run/reserve"
  if [ "$code" -ne 0 ]; then echo "the disk is full at $base: not all that the step said could be written down"; fi
}

finish() {
  forget "$run"
  rm -f -- "$base/current" "$run/reserve"
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
  # Of a power cut the kept must outlive what takes its place.
  if [ -n "$proven" ]; then sync -f -- "$keeping"; fi
}

put_back() {
  n=0
  while [ -e "$keeping/$((n + 1)).path" ]; do n=$((n + 1)); done
  while [ "$n" -gt 0 ]; do
    kept_path=$(cat "$keeping/$n.path")
    outcome='put back'
    if put_one_back; then
      [ -z "$outcome" ] || echo "$outcome: $kept_path"
      if [ -n "$proven" ]; then sync -f -- "${kept_path%/*}/"; fi
    else
      echo "could not put back: $kept_path (what stood there is kept in $keeping)"
      stuck=yes
    fi
    n=$((n - 1))
  done
}

# still_stands OLD PATH: whether a step failed before it touched what was kept as OLD. A full disk has no room to put
# back what was not taken.
still_stands() {
  are=$(stat -c '%f %u:%g %s %y' -- "$1" "$2" 2>/dev/null) || return 1
  [ "${are%%"$newline"*}" = "${are#*"$newline"}" ] || return 1
  if [ -L "$1" ]; then [ "$(readlink -- "$1")" = "$(readlink -- "$2")" ]; else cmp -s -- "$1" "$2"; fi
}

# Says `$outcome`, which is nothing where a step failed before anything stood there.
put_one_back() {
  beside=${kept_path%/*}/.${kept_path##*/}.hostwright-new~
  rm -f -- "$beside"
  for old in "$keeping/$n.old" "$keeping/$n.secret"; do
    if [ -e "$old" ] || [ -L "$old" ]; then
      if still_stands "$old" "$kept_path"; then
        outcome=
        return
      fi
      cp -aT -- "$old" "$beside" && mv -fT -- "$beside" "$kept_path" && return
      rm -f -- "$beside"
      return 1
    fi
  done
  if [ -e "$keeping/$n.directory" ]; then
    if [ -d "$keeping/$n.moved" ]; then mv -T -- "$keeping/$n.moved" "$kept_path" || return; fi
    read -r mode owner <"$keeping/$n.directory"
    chown "$owner" -- "$kept_path" && chmod "=$mode" -- "$kept_path"
  elif [ -d "$kept_path" ] && [ ! -L "$kept_path" ]; then
    outcome='taken away again'
    rmdir -- "$kept_path"
  elif [ -e "$kept_path" ] || [ -L "$kept_path" ]; then
    outcome='taken away again'
    rm -f -- "$kept_path"
  else
    outcome=
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
  # install(1) has an option for it, but not that of Rust's coreutils (0.0.30).
  if [ -d "$new" ]; then
    echo "$new is a directory"
    return 1
  fi
  install -o "${4%:*}" -g "${4#*:}" -m "$3" -- /dev/stdin "$new" <"$from"
  # An access list and other attributes stay where the file keeps its mode: then whoever could read it still may.
  if [ -f "$2" ] && [ ! -L "$2" ] && [ "$(stat -c %04a -- "$2")" = "$3" ]; then
    cp --attributes-only --preserve=mode,xattr -- "$2" "$new" || echo "$2 loses attributes"
  fi
  if [ -n "${5-}" ]; then eval "$5"; fi
  sync -- "$new"
  mv -fT -- "$new" "$2"
}

# attributes PATH MODE OWNER: of what a link leads to, if PATH is one. A mode without `=` would leave the set-ID bits of a directory as they are.
attributes() {
  if [ -L "$1" ]; then set -- "$(readlink -f -- "$1")" "$2" "$3"; fi
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
  ln -sT -- "$2" "$new"
  mv -fT -- "$new" "$1"
}

# remove PATH [secret]: what stands there moves to the run's own folder.
remove() {
  if [ ! -e "$1" ] && [ ! -L "$1" ]; then return; fi
  keep "$@"
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
    stuck=yes
    return
  fi
  for known_as in "$base/loaded/$daemon@"*; do
    known_as=${known_as##*/}
    [ "$(cat "$base/loaded/$known_as" 2>/dev/null)" = - ] || continue
    if [ -e "$keeping/$known_as.loaded" ]; then mv -f -- "$keeping/$known_as.loaded" "$base/loaded/$known_as"; else rm -f -- "$base/loaded/$known_as"; fi
  done
}

# daemon VERB UNIT: as systemctl does it; where that fails, with the cause.
daemon() {
  asked=$(date +%s)
  if outcome=$(systemctl "$1" -- "$2" 2>&1); then return; fi
  words "$2" "$outcome" "$asked"
  return 1
}

# take_back PATH: puts back what earlier steps of this run replaced at PATH or above it (`current` above
# a program), for a daemon that cannot start from what is new. What was not there before goes away again.
take_back() {
  for entry in "$run"/kept/*/*.path; do
    [ -e "$entry" ] || continue
    kept_path=$(cat "$entry")
    case $1/ in "$kept_path"/*) ;; *) continue ;; esac
    old=${entry%.path}
    if [ "$kept_path" = "$1" ] || [ -e "$old.old" ] || [ -L "$old.old" ] || [ -e "$old.secret" ]; then
      if ! (
        keeping=${entry%/*} n=${old##*/} outcome='put back'
        put_one_back && { [ -z "$outcome" ] || echo "$outcome: $kept_path (of an earlier step)"; }
      ); then
        echo "could not put back: $kept_path (of an earlier step; what stood there is kept in ${entry%/*})"
        stuck=yes
      fi
    fi
  done
  # So do directories that were made for it, where nothing else stands in them by now.
  above=${1%/*}
  while is_made "$above" && rmdir -- "$above" 2>/dev/null; do
    echo "taken away again: $above (of an earlier step)"
    above=${above%/*}
  done
}

# is_made DIRECTORY: whether this run made it.
is_made() {
  for entry in "$run"/kept/*/*.path; do
    [ -e "$entry" ] || continue
    if [ "$(cat "$entry")" = "$1" ]; then
      [ ! -e "${entry%.path}.directory" ] && [ ! -e "${entry%.path}.old" ] && [ ! -L "${entry%.path}.old" ]
      return
    fi
  done
  return 1
}

# confirm_access SECONDS: goes on only if the controller gets in by a new connection.
confirm_access() {
  rm -f "$run/confirmed"
  mark confirm "$number"
  left=$(($1 * 10))
  while [ ! -e "$run/confirmed" ]; do
    left=$((left - 1))
    if [ "$left" -le 0 ]; then
      echo "no new SSH connection got in within $1 s"
      exit 1
    fi
    sleep 0.1
  done
}

# arm NUMBER: from here until `disarm` the step is undone at the next boot. That is on disk before the step begins.
# It comes after what it may have to start anew, which else would wait for it.
arm() {
  rm -f -- "$run/confirmed"
  mkdir -p -- "${undo_wanted%/*}"
  cat >"$undo_unit" <<END
[Unit]
Description=Undo the step of hostwright that was cut off before its proof
After=ssh.service ssh.socket ufw.service
RequiresMountsFor=$base

[Service]
Type=oneshot
TimeoutStartSec=5min
ExecStart=/bin/sh $run/program undo $1
END
  ln -sf "../${undo_unit##*/}" "$undo_wanted"
  sync -f -- "$run" "$undo_unit"
}

disarm() {
  rm -f -- "$undo_wanted" "$undo_unit"
  sync -f -- "${undo_unit%/*}"
}

# undo_step: puts back what the step touched, and says when something could not be undone.
undo_step() {
  stuck=
  need_words
  put_back
  (
    stuck=
    first_to_go
    "recover_$number"
    code=$?
    if [ -n "$stuck" ]; then code=1; fi
    exit "$code"
  ) </dev/null 9>&-
  code=$?
  if [ "$code" -ne 0 ]; then
    echo "could not undo what the step's commands did"
    stuck=yes
  fi
  if [ -n "$proven" ]; then
    sync -f -- "${undo_unit%/*}"
    disarm
  fi
  if [ -n "$stuck" ]; then mark stuck "$number"; fi
}

# undo_before NUMBER: undoes the steps before it, the last one first.
undo_before() {
  proven=
  number=$(($1 - 1))
  while [ "$number" -gt 0 ]; do
    keeping=$run/kept/$number
    undo_step
    mark undone "$number"
    number=$((number - 1))
  done
}

# step NUMBER [proven]: runs step_NUMBER; when it fails, undoes it and ends the run. A step that must be proven by
# a new connection is undone, too, when the power goes.
step() {
  number=$1 proven=${2-}
  keeping=$run/kept/$1
  mkdir -p "$keeping"
  chmod 0700 "$keeping"
  mark started "$1"
  # Without the lock's descriptor: a daemon that a step starts must not hold the lock for ever.
  (
    set -e
    first_to_go
    kept=0
    if [ -n "$proven" ]; then arm "$1"; fi
    "step_$1"
  ) </dev/null 9>&-
  code=$?
  if [ "$code" -ne 0 ]; then
    undo_step
    mark failed "$number"
    if [ -n "$undo_all" ]; then undo_before "$1"; fi
    finish failed
  fi
  # Before it is told: what is done is not undone.
  if [ -n "$proven" ]; then disarm; fi
  mark 'done' "$1"
}

# made FILE PLAYBOOK: remembers what the playbook has made here, so that it can be taken away, and that its newest
# generation is not what the host is until a run has come to its end.
made() {
  if mkdir -p -- "$base/made" "$base/begun" && : >"$base/begun/$2" && sync -- "$base/begun/$2" && cp -- "$run/$1" "$base/made/.new" && sync -- "$base/made/.new" &&
    mv -fT -- "$base/made/.new" "$base/made/$2"; then return; fi
  need_words
  echo "it could not be remembered what $2 makes here"
  return 1
}

# originals: keeps what of others' a playbook replaces or alters, each by the hash of its path: files, links, and
# of directories their owners and modes. Whatever was kept there before has been put back long ago.
originals() {
  mkdir -p -- "$base/originals" || return
  while IFS= read -r kept_path; do
    original=$base/originals/$(printf '%s' "$kept_path" | sha256sum | cut -d ' ' -f 1)
    if [ ! -e "$kept_path" ] && [ ! -L "$kept_path" ]; then continue; fi
    if ! { rm -rf -- "$original" "$original.new" && copy_alone "$kept_path" "$original.new" && mv -T -- "$original.new" "$original"; }; then
      need_words
      echo "$kept_path could not be kept, to be put back when the playbook no longer declares it"
      return 1
    fi
  done <"$run/originals"
  if [ -s "$run/originals" ]; then sync -f -- "$base/originals"; fi
}

# copy_alone PATH COPY: without what is in it, where it is a directory.
copy_alone() {
  if [ -d "$1" ] && [ ! -L "$1" ]; then
    mkdir -- "$2" && chown --reference="$1" -- "$2" && chmod --reference="$1" -- "$2"
  else
    cp -aT -- "$1" "$2"
  fi
}

# original PATH ORIGINAL: puts back the file or link that stood at a path before a playbook took it. What stands there
# now may hold a secret.
original() {
  keep "$1" secret
  beside=${1%/*}/.${1##*/}.hostwright-new~
  cp -aT -- "$2" "$beside"
  mv -fT -- "$beside" "$1"
  is_back "$2"
}

# is_back ORIGINAL: what it was kept for has been put back.
is_back() { mv -T -- "$1" "$keeping/original"; }

# record PLAYBOOK KEEP: what was done becomes the playbook's next generation, whole or not at all.
record() {
  all=$base/generations/$1
  numbers() { find "$all" -mindepth 1 -maxdepth 1 -printf '%f\n' | grep -x '[0-9]*' | sort -n; }
  if ! {
    mkdir -p -- "$all" && newest=$(numbers | tail -n 1) && echo "$id" >"$run/record/run" && sync -f -- "$run/record" &&
      made made "$1" && mv -T -- "$run/record" "$all/$((${newest:-0} + 1))" && rm -f -- "$base/begun/$1"
  }; then
    need_words
    echo "all steps were done, and could not be recorded as a generation of $1"
    return 1
  fi
  numbers | head -n "-$2" | while read -r old; do rm -rf -- "${all:?}/$old"; done
}

# undo NUMBER: after the boot that follows a power cut in the middle of a step that was armed.
undo() {
  exec >>"$run/journal" 2>&1
  exec 9>"$base/lock"
  # A run that goes on came over a new connection: it has disarmed this.
  if ! flock -w 1 9 || [ ! -e "$undo_unit" ]; then exit 0; fi
  if [ -e "$run/confirmed" ]; then
    disarm
    forget "$run"
    exit 0
  fi
  number=$1 proven=proven
  keeping=$run/kept/$1
  echo "the host was cut off before a new SSH connection had got in; the step is undone"
  undo_step
  mark failed "$number"
  if [ -n "$undo_all" ]; then undo_before "$1"; fi
  (finish failed)
  [ -z "$stuck" ]
  exit
}

# begin: takes the lock.
begin() {
  exec >>"$run/journal" 2>&1
  exec 9>"$base/lock"
  # A probe that asks whether the lock is free holds it for a moment; another run holds it longer.
  if ! flock -w 1 9; then
    forget "$run"
    mark end busy
    exit 0
  fi
  if ! printf '%s\n' "$id" >"$base/current"; then
    need_words
    echo "$base/current could not be written"
    finish failed
  fi
  # It is of a run that was killed: the connection that this one came by is the proof.
  if [ -e "$undo_unit" ]; then disarm; fi
  # Runs that were cut off could not forget.
  for other in "$base"/runs/*; do
    if [ "$other" != "$run" ] && [ -e "$other/journal" ]; then forget "$other"; fi
  done
}
