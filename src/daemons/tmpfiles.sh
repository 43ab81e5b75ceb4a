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
    tmpfiles_paths "$path" | while read -r place; do [ -e "$place" ] || echo "$place"; done >"$keeping/tmpfiles.new"
    status=0
    said=$(tmpfiles_make "$path" 2>&1) || status=$?
    own=$(printf '%s\n' "$said" | grep "^$path:" | grep -v 'please update' || true)
    # 65 says that some line is wrong, ours or another's (sysexits(3)).
    if [ -n "$own" ] || { [ "$status" -ne 0 ] && [ "$status" -ne 65 ]; }; then
      printf '%s\n' "${own:-$said}"
      tmpfiles_take_away
      echo "systemd-tmpfiles does not take all of $path; what was there before may have other owners and modes now"
      return 1
    fi
    [ -z "$said" ] || printf '%s\n' "$said" | sed 's/^/note: /'
  done
}

tmpfiles_paths() { awk '!/^[ \t]*(#|$)/ { gsub(/"/, "", $2); print $2 }' "$1"; }

tmpfiles_make() {
  file=$1
  set --
  # Up to where a pattern or a specifier begins.
  for prefix in $(tmpfiles_paths "$file" | sed '/[*?[%]/ { s/[*?[%].*//; s/[^/]*$//; }'); do
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

# What was not there before goes again, the last first.
tmpfiles_take_away() {
  tac "$keeping/tmpfiles.new" | while read -r place; do
    if [ -d "$place" ] && [ ! -L "$place" ]; then rmdir -- "$place"; else rm -f -- "$place"; fi
  done
}
