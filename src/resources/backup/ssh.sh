# Archives on another host, by SFTP: $login has them in $folder. It needs no shell there. $own has the key that logs in,
# and the one that the other host proves itself with.

# sftp_do: runs what it reads as a batch, which ends with the first command that fails.
sftp_do() {
  sftp -b - -F none -o LogLevel=ERROR -P "$port" -o IdentityFile="$own/key" -o IdentitiesOnly=yes -o UserKnownHostsFile="$own/known_hosts" \
    -o GlobalKnownHostsFile=/dev/null -o HostKeyAlias=backup -o StrictHostKeyChecking=yes -o ConnectTimeout=20 \
    -o ServerAliveInterval=15 -- "$login"
}

listing() {
  # It says its commands, too. Within quotes `*` would be itself.
  printf -- '-ls -ln %s/%s-*\n' "$folder" "$prefix" | sftp_do 2>"$state/sftp" >"$state/listed" || {
    grep -v '^Connection closed' "$state/sftp" >&2
    return 1
  }
  awk '$1 ~ /^-/ { name = $NF; sub(/.*\//, "", name); print $5, name }' "$state/listed"
}

manifests() {
  rm -rf -- "$state/manifests"
  mkdir -p -- "$state/manifests"
  printf -- '-get %s/%s-*.manifest "%s/"\n' "$folder" "$prefix" "$state/manifests" | sftp_do >/dev/null 2>&1 || return
  find "$state/manifests" -type f -exec cat -- {} +
  rm -rf -- "$state/manifests"
}

put() {
  above=$folder
  made=
  while [ -n "${above#/}" ] && [ "$above" != "${above%/*}" ]; do
    made="-mkdir \"$above\"
$made"
    above=${above%/*}
  done
  printf '%sput "%s" "%s/.%s.part"\nrename "%s/.%s.part" "%s/%s"\n' "$made" "$1" "$folder" "$prefix" "$folder" "$prefix" "$folder" "$2" |
    sftp_do 2>"$state/sftp" >/dev/null || {
    # What it says of folders that are there already is none of an error.
    grep -v -e mkdir -e '^Connection closed' "$state/sftp" >&2
    return 1
  }
  rm -f -- "$1"
}

get() {
  printf 'get "%s/%s" "%s"\n' "$folder" "$1" "$work/.$prefix.got" | sftp_do >/dev/null && echo "$work/.$prefix.got"
}

drop() { printf -- '-rm "%s/%s"\n' "$folder" "$1" | sftp_do >/dev/null 2>&1; }
