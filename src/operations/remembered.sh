# What is remembered of applies in $base. `frame KIND FILE NAME`: a file as it is; `say` prints a text.
frame() {
  [ -f "$2" ] || return 0
  printf '@%s %s %s\n' "$1" "$(stat -c %s -- "$2")" "$3"
  cat -- "$2"
  echo
}
# The generations of all playbooks.
generations() {
  for generation in "$base"/generations/*/*; do
    name=${generation#"$base/generations/"}
    case ${name##*/} in *[!0-9]*) continue ;; esac
    frame generation "$generation/generation.json" "$name"
    frame run "$generation/run" "$name"
  done
}
# They, and the runs.
history() {
  generations
  say disk '' "$(du -sk -- "$base" 2>/dev/null | cut -f 1)"
  current=$(cat "$base/current" 2>/dev/null)
  for run in "$base"/runs/*; do
    frame about "$run/about" "${run##*/}"
    end=$(tail -n 1 "$run/journal" 2>/dev/null | sed -n 's/^.*@[0-9a-f]* end \([a-z]*\) [0-9]*$/\1/p')
    if [ -z "$end" ] && [ "${run##*/}" = "$current" ] && ! flock -n "$base/lock" true; then end=running; fi
    say end "${run##*/}" "${end:-cut}"
  done
}

# numbers PLAYBOOK: those of its generations, the oldest first.
numbers() { find "$base/generations/$1" -mindepth 1 -maxdepth 1 -printf '%f\n' 2>/dev/null | grep -x '[0-9]*' | sort -n; }

# one PLAYBOOK NUMBER: a generation with the texts that rendering it needs.
one() {
  generation=$base/generations/$1/$2
  [ -f "$generation/generation.json" ] || return 0
  frame generation "$generation/generation.json" "$1/$2"
  frame bundle "$generation/bundle.json" "$1/$2"
  while read -r hash; do frame content "$base/store/$hash" "$hash"; done <"$generation/texts"
}

# meant PLAYBOOK WHICH: `one` of those of the playbook, or of the only one: the newest (0), the one before it (-1), or
# that of this number.
meant() {
  if [ -z "$1" ]; then
    for playbook in "$base"/generations/*/; do
      if [ -n "$1" ]; then return; fi
      playbook=${playbook%/}
      set -- "${playbook##*/}" "$2"
    done
  fi
  case $2 in
  0) one "$1" "$(numbers "$1" | tail -n 1)" ;;
  -1) one "$1" "$(numbers "$1" | tail -n 2 | head -n 1)" ;;
  *) one "$1" "$2" ;;
  esac
}

# journal RUN: what a run said, its own marks in words.
journal() {
  sed -e 's/@[0-9a-f]* started \([0-9]*\) [0-9]*$/step \1 begins/' -e 's/@[0-9a-f]* done \([0-9]*\) [0-9]*$/step \1 is done/' \
    -e 's/@[0-9a-f]* undone \([0-9]*\) [0-9]*$/step \1 is undone/' -e 's/@[0-9a-f]* failed \([0-9]*\) [0-9]*$/step \1 failed/' \
    -e 's/@[0-9a-f]* confirm \([0-9]*\) [0-9]*$/step \1 waits for a new connection/' \
    -e 's/@[0-9a-f]* stuck \([0-9]*\) [0-9]*$/step \1 could not be undone whole/' -e 's/@[0-9a-f]* end \([a-z]*\) [0-9]*$/the run ends: \1/' \
    -- "$base/runs/$1/journal"
}

# newest: the newest generation of each playbook, as PLAYBOOK/NUMBER.
newest() {
  for playbook in "$base"/generations/*/; do
    playbook=${playbook%/}
    number=$(numbers "${playbook##*/}" | tail -n 1)
    if [ -n "$number" ]; then echo "${playbook##*/}/$number"; fi
  done
}

# declared_units: the units that these declare, by entries of their own or as files. Of two instances that take turns
# those that are there stand for their program.
declared_units() {
  for generation in $(newest); do
    declared=$base/generations/$generation/declared
    sed -n '/system\/[^"\/]*@[0-9]*\.service"/!s/^{"id":"systemd\.\([^"]*\)".*/\1/p' "$declared"
    grep -o '"/etc/systemd/system/[^"/@]*\(@[0-9]*\)\{0,1\}\.\(service\|timer\|socket\)"' "$declared" | tr -d '"' |
      while IFS= read -r file; do
        case $file in *@.*) continue ;; *@*) [ -e "$file" ] || continue ;; esac
        echo "${file##*/}"
      done
  done 2>/dev/null | sed '/\./!s/$/.service/; /@\./d' | sort -u
}

# turning [NAME]: the programs of those declared that have two instances which take turns (rolling_restart.sh): that of
# NAME, or all.
turning() {
  for generation in $(newest); do
    grep -o '"/usr/local/lib/[^"/]*/instances/[^"/]*"' "$base/generations/$generation/declared" | tr -d '"'
  done 2>/dev/null | sort -u | while read -r program; do
    if [ -x "$program" ] && [ "${1:-${program##*/}}" = "${program##*/}" ]; then echo "$program"; fi
  done
}

# declared_backups: the programs of the backups that these declare.
declared_backups() {
  for generation in $(newest); do
    grep -o '"/usr/local/lib/[^"/]*/backups/[^"/]*/run"' "$base/generations/$generation/declared" | tr -d '"'
  done 2>/dev/null | sort -u | while read -r program; do
    if [ -x "$program" ]; then echo "$program"; fi
  done
}

# monitors: what the shipped monitors that these declare keep in mind, each by its directory.
monitors() {
  for generation in $(newest); do
    playbook=${generation%/*}
    grep -o "\"/usr/local/lib/$playbook/[^\"/]*\"" "$base/generations/$generation/declared" | tr -d '"' | sort -u |
      sed "s:.*/:/var/lib/$playbook-:"
  done 2>/dev/null | while read -r kept; do
    if [ -f "$kept/asked" ]; then echo "$kept"; fi
  done
}
