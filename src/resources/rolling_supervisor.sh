# Instances under supervisor, by supervisor.sh: `file`, `groups` and `processes` are of the one that is meant.

start_instance() { bring_up yes "$1"; }

# shellcheck disable=SC2086 # a name each
halt_instance() {
  if ! systemctl is-active --quiet supervisor.service; then return 0; fi
  awake=$(ours | awk '$7 != 0 || $5 == "BACKOFF" { print $4 }')
  [ -z "$awake" ] || supervisorctl stop $awake
}

has_fallen() { case $(not_right) in *bad*) ;; *) return 1 ;; esac }

# shellcheck disable=SC2046 # a name each
tell_instance() { why $(ours | awk '{ print $4 }'); }

end_instance() { take; }

resume_instance() {
  [ -e "$file" ] || return 0
  answers && take && do_all no "$(ours)"
}

is_up() { [ -n "$(ours | awk '$5 == "RUNNING" || $5 == "STARTING" || $5 == "BACKOFF"')" ]; }

about_instance() {
  if [ -e "$file" ]; then ours | awk '{ print "process\t" $4 }'; fi
  printf '%s' "$text" | sed -n -e "s:^stdout_logfile *= *\(/.*\):log	$called	\1:p" -e "s:^stderr_logfile *= *\(/.*\):log	$called err	\1:p"
}
