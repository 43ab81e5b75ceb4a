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
  said=$(apt-get indextargets 2>&1 >/dev/null) && return
  # Files that are right alone may exclude each other, as where they name one source with two keys: then apt reads none.
  mkdir -p "$keeping/others"
  cp -- /etc/apt/sources.list.d/* "$keeping/others/" 2>/dev/null || true
  main=/etc/apt/sources.list
  for path; do
    rm -f -- "$keeping/others/${path##*/}"
    if [ "$path" = "$main" ]; then main=/dev/null; fi
  done
  if apt-get indextargets -o Dir::Etc::SourceList="$main" -o Dir::Etc::SourceParts="$keeping/others" >/dev/null 2>&1; then
    printf '%s\n' "$said" | sort -u
    echo "apt does not take $* together with its other files of sources"
    return 1
  fi
  printf '%s\n' "$said" | sed 's/^/note: apt says: /'
}
