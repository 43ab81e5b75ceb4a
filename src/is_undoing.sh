# is_undoing: whether a step that a power cut left unproven waits after the boot to be undone, or is being undone.
is_undoing() {
  [ -e "$undo_unit" ] && case $(systemctl show -p Job --value "${undo_unit##*/}") in '' | 0) false ;; esac
}
