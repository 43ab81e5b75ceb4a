# offer SHA256 LIKE: whether the store in $base has the content, else the hash of a file that is likely to be alike.
offer() {
  stored=$base/store/$1
  if [ -f "$stored" ] && echo "$1  $stored" | sha256sum -c --status - 2>/dev/null; then
    touch "$stored"
    echo "@held $1"
  elif [ -f "$2" ] && command -v perl >/dev/null && sum=$(sha256sum <"$2"); then
    echo "@like $1 ${sum%% *}"
  fi
}

# lacks: which of the contents, a hash a line on stdin, the store has not.
lacks() {
  while read -r hash; do
    if [ -f "$base/store/$hash" ]; then touch "$base/store/$hash"; else echo "@lacks $hash"; fi
  done
}
