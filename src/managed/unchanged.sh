# unchanged PATH SHA256: nobody has changed the file since the plan was made, and so nothing of it is lost. `none` is
# no file.
unchanged() {
  if [ -e "$1" ]; then
    [ "$(sha256sum <"$1" | cut -d ' ' -f 1)" = "$2" ] && return
  elif [ "$2" = none ]; then
    return
  fi
  echo "$1 has changed since the plan was made: apply again"
  return 1
}
