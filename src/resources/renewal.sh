# What certbot has of a certificate: $live, $chain and $conf are its, $accounts those with its authority. A hook that
# matches $stops stops what answers the challenge. $memory is what is remembered of an order that failed.
[ ! -x /snap/bin/certbot ] || echo snap
if [ -f "$memory" ]; then
  sed 's/^/order./' "$memory"
  now=$(date +%s)
  ago=$(((now - $(sed -n 's/^failed=//p' "$memory")) / 60))
  if [ "$ago" -lt 120 ]; then echo "ago=$ago min"; else echo "ago=$((ago / 60)) h"; fi
  retry=$(sed -n 's/^retry=//p' "$memory")
  if [ "$now" -lt "$retry" ]; then date -d "@$retry" '+waits=%F %H:%M %Z'; fi
fi
cd /etc/letsencrypt 2>/dev/null || exit 0
if [ -f "$chain" ]; then
  echo readable
  openssl x509 -in "$chain" -noout -checkend 0 >/dev/null || echo expired
  # Three weeks before its end, or at a quarter of a shorter life, certbot should have renewed it for long.
  openssl x509 -in "$chain" -noout -dates | sed 's/.*=//' | {
    read -r begin && read -r end && begin=$(date -d "$begin" +%s) && end=$(date -d "$end" +%s)
    most=$(((end - begin) / 4)) rest=$((end - $(date +%s)))
    if [ "$most" -gt 1814400 ]; then most=1814400; fi
    if [ "$rest" -gt 0 ] && [ "$rest" -lt "$most" ]; then echo "soon=$((rest / 86400))"; fi
  }
  openssl x509 -in "$chain" -noout -ext subjectAltName
fi
for part in cert chain fullchain privkey; do
  if [ ! -L "$live/$part.pem" ] || [ ! -e "$live/$part.pem" ]; then echo "foreign=$live/$part.pem"; fi
done
for key in "$accounts"/*/private_key.json; do
  [ ! -e "$key" ] || { key=${key%/*}; echo "account=${key##*/}"; }
done
for hook in renewal-hooks/pre/*; do
  if [ -x "$hook" ] && grep -Eq "$stops" "$hook"; then echo "hook=$PWD/$hook"; fi
done
[ ! -f cli.ini ] || sed 's/^/cli=/' cli.ini
[ ! -f "$conf" ] || { echo @conf; cat "$conf"; }
