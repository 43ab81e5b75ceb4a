# A run of hostwright's. It goes on when the connection that started it is gone; its journal says how far it got.
set -u
umask 022
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
base=/var/lib/hostwright
run=$base/runs/$id

mark() { printf '@%s %s %s\n' "$token" "$*" "$(date +%s%3N)"; }

finish() {
  rm -rf "$run/files" "$base/current"
  mark end "$1"
  exit 0
}

# Remembers what stands at a path, so that a failed step can put it back.
keep() {
  kept=$((kept + 1))
  printf '%s' "$1" >"$keeping/$kept.path"
  if [ -d "$1" ] && [ ! -L "$1" ]; then
    stat -c '%a %u:%g' -- "$1" >"$keeping/$kept.directory"
  elif [ -e "$1" ] || [ -L "$1" ]; then
    cp -a -- "$1" "$keeping/$kept.old"
  fi
}

put_back() {
  n=$(find "$keeping" -name '*.path' | wc -l)
  while [ "$n" -gt 0 ]; do
    path=$(cat "$keeping/$n.path")
    beside=${path%/*}/.${path##*/}.hostwright-new
    rm -f -- "$beside"
    if [ -e "$keeping/$n.directory" ]; then
      read -r mode owner <"$keeping/$n.directory"
      if [ -d "$keeping/$n.moved" ]; then mv -T -- "$keeping/$n.moved" "$path"; fi
      chown "$owner" -- "$path"
      chmod "$mode" -- "$path"
    elif [ -e "$keeping/$n.old" ] || [ -L "$keeping/$n.old" ]; then
      cp -a -- "$keeping/$n.old" "$beside"
      mv -fT -- "$beside" "$path"
    elif [ -d "$path" ] && [ ! -L "$path" ]; then
      rmdir -- "$path" 2>/dev/null
    else
      rm -f -- "$path"
    fi
    echo "put back: $path"
    n=$((n - 1))
  done
}

# put SHA256 PATH MODE OWNER [VALIDATION]
put() {
  keep "$2"
  directory=${2%/*}
  mkdir -p -- "${directory:-/}"
  new=$directory/.${2##*/}.hostwright-new
  from=$base/store/$1
  [ ! -e "$run/files/$1" ] || from=$run/files/$1
  rm -f -- "$new"
  (umask 077 && cat -- "$from" >"$new")
  chown "$4" -- "$new"
  chmod "$3" -- "$new"
  if [ -n "${5-}" ]; then eval "$5"; fi
  sync -- "$new"
  mv -fT -- "$new" "$2"
}

# directory PATH MODE OWNER
directory() {
  keep "$1"
  mkdir -p -- "$1"
  chown "$3" -- "$1"
  chmod "$2" -- "$1"
}

# attributes PATH MODE OWNER
attributes() {
  keep "$1"
  chown "$3" -- "$1"
  chmod "$2" -- "$1"
}

# link PATH TARGET
link() {
  keep "$1"
  mkdir -p -- "${1%/*}/"
  new=${1%/*}/.${1##*/}.hostwright-new
  rm -f -- "$new"
  ln -s -- "$2" "$new"
  mv -fT -- "$new" "$1"
}

# remove PATH: what stands there moves to the run's own folder.
remove() {
  if [ ! -e "$1" ] && [ ! -L "$1" ]; then return 0; fi
  keep "$1"
  if [ -d "$1" ] && [ ! -L "$1" ]; then mv -T -- "$1" "$keeping/$kept.moved"; else rm -f -- "$1"; fi
}

loaded() { printf '%s\n' "$2" >"$base/loaded/.new" && mv -f "$base/loaded/.new" "$base/loaded/$1"; }
unloaded() { rm -f -- "$base/loaded/$1"; }

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
  (
    set -e
    kept=0
    "step_$1"
  ) </dev/null
  status=$?
  if [ "$status" -eq 0 ]; then
    mark done "$1"
    return
  fi
  put_back
  "recover_$1" </dev/null
  mark failed "$1"
  finish failed
}

exec >>"$run/journal" 2>&1
exec 9>"$base/lock"
if ! flock -n 9; then
  mark end busy
  exit 0
fi
printf '%s\n' "$id" >"$base/current"
