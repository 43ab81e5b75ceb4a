# What certbot has of a certificate: $live, $chain and $conf are its, $accounts those with its authority. A hook that
# matches $stops stops what answers the challenge.
[ ! -x /snap/bin/certbot ] || echo snap
cd /etc/letsencrypt 2>/dev/null || exit 0
if [ -f "$chain" ]; then
  echo readable
  openssl x509 -in "$chain" -noout -checkend 0 >/dev/null || echo expired
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
