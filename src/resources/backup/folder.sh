# Archives in a folder of this host: $folder.

# listing: `SIZE NAME` of all that stands there under our name.
listing() { find "$folder" -maxdepth 1 -type f -name "$prefix-*" -printf '%s %f\n' 2>/dev/null; }

manifests() { find "$folder" -maxdepth 1 -type f -name "$prefix-*.manifest" -exec cat -- {} + 2>/dev/null; }

# put FILE NAME
put() {
  sync -- "$1"
  mv -fT -- "$1" "$folder/$2"
}

# get NAME: says where it is to be read.
get() { echo "$folder/$1"; }

drop() { rm -f -- "$folder/$1"; }
