for file in /etc/ufw/user.rules /etc/ufw/user6.rules /etc/ufw/ufw.conf /etc/default/ufw; do keep "$file"; done
iptables-save -t filter >"$keeping/kernel"
if [ -d /proc/sys/net/ipv6 ]; then ip6tables-save -t filter >"$keeping/kernel6"; fi
