# The file is read, and nothing of it is made: nothing stands below this path.
tmpfiles_check() {
  command -v systemd-tmpfiles >/dev/null || return 0
  said=$(systemd-tmpfiles --create --prefix=/hostwright-only-reads "$1" 2>&1) || {
    printf '%s\n' "$said" | sed "s|^$1:|$2:|"
    echo "systemd-tmpfiles does not take $2"
    return 1
  }
}

# As at every boot, by the whole configuration, but only at the file's own paths. A path that two files name is made
# as the one says whose name comes first.
tmpfiles_load() {
  command -v systemd-tmpfiles >/dev/null || return 0
  for path; do
    status=0
    said=$(tmpfiles_make "$path" 2>&1) || status=$?
    own=$(printf '%s\n' "$said" | grep "^$path:" | grep -v 'please update' || true)
    # 65: some line is wrong (tmpfiles.d's sysexits); which is said.
    if [ -n "$own" ] || { [ "$status" -ne 0 ] && [ "$status" -ne 65 ]; }; then
      printf '%s\n' "${own:-$said}"
      echo "systemd-tmpfiles does not take all of $path; what it has made until then stays"
      return 1
    fi
    [ -z "$said" ] || printf '%s\n' "$said" | sed 's/^/note: /'
  done
}

tmpfiles_make() {
  file=$1
  set --
  # shellcheck disable=SC2013 # words, which is what paths end at
  for prefix in $(awk '!/^[ \t]*(#|$)/ { gsub(/"/, "", $2); if (sub(/[*?[%].*/, "", $2)) sub(/[^\/]*$/, "", $2); print $2 }' "$file"); do
    case $prefix in
    / | '')
      set -- "$file"
      break
      ;;
    esac
    set -- "$@" "--prefix=$prefix"
  done
  [ $# -gt 0 ] || set -- "$file"
  systemd-tmpfiles --create "$@"
}
