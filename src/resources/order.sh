# order MEMORY DIGEST COMMAND…: asks the authority for a certificate. A failure is remembered at MEMORY, so that the same
# order, DIGEST, is not placed again before the authority would take it.
order() {
  memory=$1 digest=$2
  shift 2
  said=$keeping/certbot
  if "$@" >"$said" 2>&1; then
    cat "$said"
    rm -f -- "$memory"
    return
  fi
  cat "$said"
  times=0
  if [ -f "$memory" ] && grep -qxF "order=$digest" "$memory"; then times=$(sed -n 's/^times=//p' "$memory"); fi
  failed=$(date +%s)
  wait=300
  for _ in $(seq "$times"); do if [ "$wait" -lt 86400 ]; then wait=$((wait * 2)); fi; done
  retry=$((failed + wait))
  # Let's Encrypt says from when on it takes the next (its documentation, "Rate Limits").
  told=$(sed -n 's/.*retry after \([0-9-]* [0-9:]* UTC\).*/\1/p' "$said" | head -n 1)
  told=$([ -z "$told" ] || date -d "$told" +%s || true)
  if [ "${told:-0}" -gt "$retry" ]; then retry=$told; fi
  why=$(sed -n 's/^ *Detail: *//p' "$said" | head -n 1)
  if [ -z "$why" ]; then why=$(sed -n '/^An unexpected error occurred:$/{n;p}' "$said" | head -n 1); fi
  if [ -z "$why" ]; then why=$(grep -v -e '^ *$' -e '^Ask for help' "$said" | tail -n 1); fi
  mkdir -p -- "${memory%/*}"
  printf '%s=%s\n' order "$digest" times $((times + 1)) failed "$failed" retry "$retry" why "$why" >"$memory.new"
  mv -fT -- "$memory.new" "$memory"
  return 1
}
