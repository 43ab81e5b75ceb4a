# How a file of sources is written its name says, so it is read under its own.
apt_sources_check() {
  mkdir -p "$keeping/sources"
  cp -- "$1" "$keeping/sources/${2##*/}"
  said=$(apt-get indextargets -o Dir::Etc::SourceList="$keeping/sources/${2##*/}" -o Dir::Etc::SourceParts=/dev/null 2>&1 >/dev/null) || {
    printf '%s\n' "$said" | sed "s|$keeping/sources/|${2%/*}/|" | sort -u
    return 1
  }
}

# Gets the lists of these files' sources, so that a key or an address that is wrong shows now. That is no refresh of
# all lists, and does not pass for one: that is told by the times of `partial`.
apt_sources_load() {
  lists=/var/lib/apt/lists
  for path; do
    touch -r "$lists/partial" "$keeping/partial" || true
    tries=300
    until said=$(apt-get -q update -o Dir::Etc::SourceList="$path" -o Dir::Etc::SourceParts=/dev/null \
      -o APT::Get::List-Cleanup=0 -o APT::Update::Error-Mode=any 2>&1); do
      tries=$((tries - 1))
      if [ "$tries" -le 0 ] || ! printf '%s\n' "$said" | grep -q '^E: Could not get lock'; then
        printf '%s\n' "$said" | grep '^[EW]: ' || printf '%s\n' "$said"
        echo "apt cannot use the sources of $path"
        return 1
      fi
      sleep 2
    done
    touch -r "$keeping/partial" "$lists/partial" || true
  done
  apt-get indextargets 2>&1 >/dev/null | sed 's/^/note: apt says: /'
}
