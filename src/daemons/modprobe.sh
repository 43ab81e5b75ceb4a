# modprobe passes over a line that it does not understand, and says so.
modprobe_load() {
  command -v modprobe >/dev/null || return 0
  for path; do
    if modprobe --showconfig 2>&1 >/dev/null | grep -F "$path line "; then
      echo "modprobe does not take all of $path"
      return 1
    fi
  done
}
