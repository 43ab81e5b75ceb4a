# What supervisor includes: its patterns, a line each, and FILE:[SECTION] of all files that it finds, with FILE:programs=…
# of their groups.
cd /etc/supervisor && [ -f supervisord.conf ] || exit 0
set -f
# shellcheck disable=SC2013 # a pattern each
for pattern in $(awk '/^\[/ { here = /^\[include\]/; on = 0; next }
  here && sub(/^files[ \t]*[=:]/, "") { on = 1 }
  here && on && /^[ \t]*[^ \t;#]/ { sub(/[ \t][;#].*/, ""); gsub(/%\(here\)s/, "/etc/supervisor"); print; next }
  { on = 0 }' supervisord.conf); do
  case $pattern in /*) ;; *) pattern=/etc/supervisor/$pattern ;; esac
  printf '%s\n' "$pattern"
  set +f
  # shellcheck disable=SC2086 # a pattern
  grep -H '^\[\|^programs[ 	]*[=:]' $pattern
  set -f
done
echo .
