# The newest generation of each playbook: `@NAME NUMBER DIGEST`, and what it declared, a line for each; then, as
# `!JSON`, what our own made. Of our own nothing more is said when it is the one that is wanted now. A run that began since
# may have made what the newest one does not say: then its digest is `-`.
cd "$base/generations" 2>/dev/null || cd /
same=
for playbook in *; do
  newest=0
  for entry in "$playbook"/*; do
    entry=${entry##*/}
    case $entry in *[!0-9]*) continue ;; esac
    if [ "$entry" -gt "$newest" ]; then newest=$entry; fi
  done
  if [ "$newest" -eq 0 ] || [ ! -f "$playbook/$newest/digest" ]; then continue; fi
  read -r digest <"$playbook/$newest/digest"
  if [ -e "$base/begun/$playbook" ]; then digest=-; fi
  echo "@$playbook $newest $digest"
  if [ "$playbook $digest" = "$name $wanted" ]; then same=yes; else cat "$playbook/$newest/declared"; fi
done
if [ -z "$same" ] && [ -f "$base/made/$name" ]; then
  # echo would read backslashes.
  printf '!%s\n' "$(cat "$base/made/$name")"
fi
