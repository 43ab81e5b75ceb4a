# The firewall as ufw's files have it (each line behind its file's name), then as the kernel has it.
[ -f /etc/ufw/ufw.conf ] || exit 0
cd /etc/ufw || exit
grep -sHE '^(ENABLED|IPV6|DEFAULT_(INPUT|OUTPUT|FORWARD)_POLICY)=|^### tuple ###|^-A ufw6?-(before-input|user-(input|output|forward)) ' \
  ufw.conf ../default/ufw before.rules before6.rules user.rules user6.rules
grep -sHE '^(\[.*\]$|ports=)' applications.d/*
[ -d /proc/sys/net/ipv6 ] || echo @no6
{ echo @4; iptables -S; echo @6; ip6tables -S; } |
  grep -E '^(@|-P INPUT |-A (INPUT|ufw6?-before-input -j ufw6?-user-input|ufw6?-user-(input|output|forward))( |$))'
# shellcheck disable=SC2086 # its four words
set -- ${SSH_CONNECTION-}
[ -z "${3-}" ] || ip -o addr show to "${3%%%*}" | sed 's/^/@address /'
