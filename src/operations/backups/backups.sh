# What backups say when they are told $verb, as frames `backup PROGRAM STATUS`: the one whose program is $only, or all.
# $archive and $identity, which may be empty, are handed on; the latter on standard input alone.
for program in $(declared_backups); do
  [ -z "$only" ] || [ "$program" = "$only" ] || continue
  if [ -n "$identity" ]; then
    said=$(printf '%s\n' "$identity" | "$program" "$verb" "$archive" - 2>&1)
  else
    said=$("$program" "$verb" "$archive" </dev/null 2>&1)
  fi
  say backup "$program $?" "$said"
done
if [ "$verb" = about ]; then
  for generation in $(newest); do frame bundle "$base/generations/$generation/bundle.json" "$generation"; done
fi
say end '' ''
