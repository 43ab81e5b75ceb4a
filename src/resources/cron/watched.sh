# `ended CODE` keeps in mind how a run has ended; `news FILE` tells what is wrong with the job and has not been told, or that
# nothing is any more. What was told stands in FILE.
set -u

# number FILE: a number that the job's user keeps; 0 where it keeps none.
number() {
  kept=
  # What is no file may never end.
  if [ -f "$state/$1" ] && [ ! -L "$state/$1" ]; then kept=$(head -c 20 -- "$state/$1" 2>/dev/null); fi
  case $kept in '' | *[!0-9]*) kept=0 ;; esac
  echo "$kept"
}

note() { echo "$2" >"$state/.$1" && mv -fT -- "$state/.$1" "$state/$1"; }

# problem: sets $sort and $wrong, where something is wrong.
problem() {
  sort='' wrong=''
  code=$(number code)
  if [ "$code" -ne 0 ]; then
    sort=failed wrong="the last run of the cron job $name failed with exit status $code"
    return
  fi
  well=$(number well)
  if [ "$well" -eq 0 ]; then well=$(stat -c %Z -- "$0"); fi
  age=$((($(date +%s) - well) / 60))
  if [ "$age" -gt "$((max_age / 60))" ]; then
    sort=missed wrong="the cron job $name has not run for $age minutes"
    if [ "$age" -ge 240 ]; then wrong="the cron job $name has not run for $((age / 60)) hours"; fi
  fi
}

case ${1:-} in
ended)
  note code "$2"
  if [ "$2" -eq 0 ]; then note well "$(date +%s)"; fi
  exit "$2"
  ;;
news)
  problem
  if [ "$sort" = "$(cat -- "$2" 2>/dev/null)" ]; then exit 0; fi
  echo "$sort" >"$2"
  echo "${wrong:-the cron job $name is well again}"
  ;;
*)
  echo "usage: $0 run COMMAND|news FILE" >&2
  exit 64
  ;;
esac
