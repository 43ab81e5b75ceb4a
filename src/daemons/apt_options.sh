# The new file alone: apt reads no other then. It must not move down a line.
apt_options_check() {
  { printf 'Dir::Etc::main "/dev/null"; Dir::Etc::parts "/dev/null"; ' && cat -- "$1"; } >"$keeping/apt.conf"
  said=$(APT_CONFIG="$keeping/apt.conf" apt-config dump 2>&1 >/dev/null) || {
    printf '%s\n' "$said" | sed "s|$keeping/apt.conf|$2|"
    return 1
  }
}

apt_options_load() {
  said=$(apt-config dump 2>&1 >/dev/null) && return
  for path; do
    if printf '%s\n' "$said" | grep -F "$path"; then
      echo "apt does not take $path"
      return 1
    fi
  done
  printf '%s\n' "$said" | sed 's/^/note: apt says: /'
}
