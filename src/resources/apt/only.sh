# shellcheck shell=sh # `reading` is the step's

# only PLANNED VERB PACKAGE...: fails where more would go than the plan says, since the host has changed meanwhile.
only() {
  may_go=$1
  shift
  for going in $(reading "$@" | sed -n 's/^\(Remv\|Purg\) \([^ ]*\).*/\2/p'); do
    case " $may_go " in *" $going "*) ;; *)
      echo "apt would now remove $going as well: make a new plan"
      return 1
      ;;
    esac
  done
}
