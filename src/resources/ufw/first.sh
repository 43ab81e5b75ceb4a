# first FILE KEY...: these of ufw's rules go before all others in its file, in this order. A key is what stands
# in a rule's line between action and comment.
first() {
  file=$1
  shift
  printf '%s\n' "$@" | awk '
    NR == FNR { place[$0] = ++last; next }
    /^### tuple ### / {
      rules = 1
      key = $0
      sub(/^### tuple ### [^ ]+ /, "", key)
      sub(/ comment=[^ ]*$/, "", key)
      if ($4 ~ /^route:/) key = "route:" key
      at = key in place ? place[key] : 0
    }
    /^### END RULES ###/ {
      for (n = 1; n <= last; n++) printf "%s", first[n]
      printf "%s", rest
      rules = 0
    }
    !rules { print; next }
    at { first[at] = first[at] $0 "\n"; next }
    { rest = rest $0 "\n" }' - "$file" >"$file.hostwright-new"
  grep -q '^COMMIT' "$file.hostwright-new"
  chmod --reference="$file" -- "$file.hostwright-new"
  sync -- "$file.hostwright-new"
  mv -fT -- "$file.hostwright-new" "$file"
}
