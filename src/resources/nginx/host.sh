# Whether nginx can listen over IPv6: the kernel has it, and nothing takes it from nginx's unit. systemd knows no
# drop-ins of a unit that is still to be installed.
nginx_over_ipv6() {
  [ -e /proc/net/if_inet6 ] || return 1
  families=$(systemctl show -p RestrictAddressFamilies --value nginx.service)
  if [ "$families" = "~" ]; then
    families=$(cat /etc/systemd/system/nginx.service.d/*.conf 2>/dev/null | sed -n 's/^RestrictAddressFamilies=//p' | tail -n 1)
  fi
  case $families in
  "" | "~") ;;
  "~"*AF_INET6*) return 1 ;;
  "~"* | *AF_INET6*) ;;
  *) return 1 ;;
  esac
}
