# What lets the user $user in by a key, where his home is or shall be $wanted: his home and group, what stands there, where
# sshd looks, and the hash of the file and the file itself.
home=$wanted
[ -n "$home" ] || home=$(getent passwd -- "$user" | cut -d : -f 6)
[ -n "$home" ] || home=$(useradd -D | sed -n 's/^HOME=//p')/$user
printf 'home %s\n' "$home"
printf 'group %s\n' "$(id -gn -- "$user" 2>/dev/null)"
for path in "$home" "$home/.ssh" "$home/.ssh/authorized_keys"; do
  find "$path" -maxdepth 0 -printf 'at %y %m %u:%g %p\n' 2>/dev/null
done
from=${SSH_CONNECTION:-127.0.0.1}
sshd -T -C "user=$user,host=localhost,addr=${from%% *}" 2>/dev/null | sed -n 's/^authorizedkeysfile /reads /p'
file=$home/.ssh/authorized_keys
if [ -f "$file" ] && [ "$(wc -c <"$file")" -le 131072 ]; then
  echo "sum $(sha256sum <"$file" | cut -d ' ' -f 1)"
  cat -- "$file"
fi
