# keep_accounts: what useradd and its like write stays as it was where the step fails. It holds hashes of passwords.
keep_accounts() {
  for account in passwd shadow group gshadow subuid subgid; do
    if [ -e "/etc/$account" ]; then keep "/etc/$account" secret; fi
  done
}

# keep_hands uid|gid NUMBER DIRECTORY...: notes which files are of the user or group of that number.
keep_hands() {
  hands=$1 hand=$2
  shift 2
  for directory in "$@"; do
    if [ -d "$directory" ] && [ ! -L "$directory" ]; then
      find "$directory" -xdev "-$hands" "$hand" -print0 >>"$keeping/$hands"
    fi
  done
}

# hands_back uid|gid NUMBER: they are his again.
hands_back() {
  if [ ! -e "$keeping/$1" ]; then return; fi
  with=chown
  if [ "$1" = gid ]; then with=chgrp; fi
  xargs -0 -r "$with" -h -- "$2" <"$keeping/$1"
}

# renumber_group NAME GID: files of the group go with it in the homes of those whose own group it is.
renumber_group() {
  was=$(getent group -- "$1" | cut -d : -f 3)
  while IFS=: read -r _ _ _ gid _ home _; do
    [ "$gid" != "$was" ] || keep_hands gid "$was" "$home"
  done </etc/passwd
  groupmod --gid "$2" -- "$1"
  if [ -e "$keeping/gid" ]; then xargs -0 -r chgrp -h -- "$2" <"$keeping/gid"; fi
}
