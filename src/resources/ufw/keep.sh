for file in /etc/ufw/user.rules /etc/ufw/user6.rules /etc/ufw/ufw.conf /etc/default/ufw; do keep "$file"; done
# By way of a variable: on a full disk iptables-save writes half of it without a word.
rules=$(iptables-save -t filter)
printf '%s\n' "$rules" >"$keeping/kernel"
if [ -d /proc/sys/net/ipv6 ]; then
  rules=$(ip6tables-save -t filter)
  printf '%s\n' "$rules" >"$keeping/kernel6"
fi
: >"$keeping/firewall"
