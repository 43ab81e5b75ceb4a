# At which ports something may answer: the sockets that listen, what the kernel forwards, and the addresses of the
# interfaces by which the host is reached and reaches others.
if grep -qsi '^ENABLED=yes' /etc/ufw/ufw.conf; then echo @ufw; fi
# shellcheck disable=SC2086 # its four words
set -- ${SSH_CONNECTION-}
{
  if [ -n "${3-}" ]; then ip -o addr show to "${3%%%*}" | awk '{ print $2 }'; fi
  { ip -4 route show default; ip -6 route show default; } | sed -n 's/.* dev \([^ ]*\).*/\1/p'
} 2>/dev/null | sort -u | while read -r interface; do
  ip -o addr show dev "$interface" scope global | awk '!/ (deprecated|temporary|tentative) / { print "@address " $4 }'
done
ss -ltnpH | sed 's/^/@listens /'
{
  iptables-save -t nat
  ip6tables-save -t nat
} 2>/dev/null | sed -n '/^-A .* -j \(DNAT\|REDIRECT\)/s/^/@nat /p'
if command -v nft >/dev/null; then nft list ruleset 2>/dev/null | sed -n '/dport.*\(dnat\|redirect\)/s/^[[:space:]]*/@nat /p'; fi
true
