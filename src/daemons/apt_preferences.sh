apt_preferences_check() {
  said=$(apt-cache -o Dir::Etc::Preferences="$1" -o Dir::Etc::PreferencesParts=/dev/null policy 2>&1 >/dev/null) || {
    printf '%s\n' "$said" | sed "s|$1|$2|"
    return 1
  }
}

apt_preferences_load() {
  said=$(apt-cache policy 2>&1 >/dev/null) && return
  for path; do
    if printf '%s\n' "$said" | grep -F "$path"; then
      echo "apt does not take $path"
      return 1
    fi
  done
  printf '%s\n' "$said" | sed 's/^/note: apt says: /'
}
