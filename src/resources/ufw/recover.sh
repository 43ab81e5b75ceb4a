/lib/ufw/ufw-init force-stop
iptables-restore <"$keeping/kernel"
if [ -e "$keeping/kernel6" ]; then ip6tables-restore <"$keeping/kernel6"; fi
