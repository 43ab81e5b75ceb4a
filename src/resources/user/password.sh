# What the user $user has for a password: `locked`, `none`, or the hash of its hash.
while IFS=: read -r name hash _; do
  [ "$name" = "$user" ] || continue
  case $hash in
  '') echo none ;;
  '!'* | '*'*) echo locked ;;
  *) printf %s "$hash" | sha256sum | cut -d ' ' -f 1 ;;
  esac
done </etc/shadow
