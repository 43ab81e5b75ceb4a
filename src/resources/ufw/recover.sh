# What could not be remembered has not been touched.
if [ -e "$keeping/firewall" ]; then
  /lib/ufw/ufw-init force-stop
  iptables-restore <"$keeping/kernel"
  if [ -e "$keeping/kernel6" ]; then ip6tables-restore <"$keeping/kernel6"; fi
fi
