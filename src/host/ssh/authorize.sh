# Lets a key in for whoever runs this: a line of ~/.ssh/authorized_keys, with the modes that sshd wants.
#  $key  the line
# Ends with 3 if a line with conditions holds the key already, with 4 if the files are another's.
# shellcheck shell=sh disable=SC2154
set -eu
umask 077

folder=$HOME/.ssh
file=$folder/authorized_keys
# A link stays one.
[ ! -e "$file" ] || file=$(readlink -f "$file")
blob=$(printf '%s\n' "$key" | cut -d' ' -f2)
[ -d "$folder" ] || mkdir "$folder"
if [ "$(id -u)" = 0 ]; then
    chown root: "$folder"
    [ ! -e "$file" ] || chown root: "$file"
fi
for path in "$folder" "$file"; do
    if [ -e "$path" ] && [ ! -O "$path" ]; then
        echo "$path belongs to $(stat -c %U "$path")"
        exit 4
    fi
done

if line=$(grep -F -- "$blob" "$file" 2>/dev/null | grep -v '^[[:space:]]*#'); then
    case $line in
    ssh-* | ecdsa-* | sk-*) echo there ;;
    *)
        printf '%s\n' "${line%%"$blob"*}"
        exit 3
        ;;
    esac
else
    # Whole or not at all.
    new=$(mktemp "$folder/.authorized_keys.XXXXXX")
    if [ -s "$file" ]; then
        cat "$file" >"$new"
        [ -z "$(tail -c1 "$file")" ] || echo >>"$new"
    fi
    printf '%s\n' "$key" >>"$new"
    mv -f "$new" "$file"
    echo added
fi
chmod 700 "$folder"
chmod 600 "$file"
# sshd trusts no key in a home that others may write to (sshd_config(5), StrictModes).
if [ -n "$(find "$HOME" -maxdepth 0 -perm /022)" ]; then
    chmod go-w "$HOME"
    echo "others could write to $HOME, and cannot any more"
fi
! command -v restorecon >/dev/null 2>&1 || restorecon -RF "$folder"
