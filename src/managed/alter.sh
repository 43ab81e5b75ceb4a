# alter PATH HOW VALIDATION: lets `edit_text` make a new text of the file's, which keeps its owner and mode.
alter() {
  if [ ! -e "$1" ] && [ "$2" != create ]; then
    echo "$1 is not there: nothing has brought it"
    return 1
  fi
  if [ -L "$1" ]; then
    echo "$1 is a link to $(readlink -- "$1"): name that in its place"
    return 1
  fi
  parents "$1"
  keep "$1"
  new=${1%/*}/.${1##*/}.hostwright-new~
  if [ -e "$1" ]; then
    cp -p -- "$1" "$new"
    edit_text <"$1" >"$new"
  else
    edit_text </dev/null >"$new"
    chmod 0644 -- "$new"
  fi
  eval "$3"
  sync -- "$new"
  mv -fT -- "$new" "$1"
}
