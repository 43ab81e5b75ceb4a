# shellcheck shell=sh # `reading` is put before it

# without GOES WORDS...: fails where apt-get, told these words, would bring one of the packages that go. What needed them
# while they were there may bring them back, and a plan's simulation still has them.
without() {
  goes=$1
  shift
  for coming in $(reading "$@" | sed -n 's/^Inst \([^ ]*\) .*/\1/p'); do
    case " $goes " in *" $coming "*)
      echo "$coming would come back with what is installed, and this playbook removes it: take it out of \`apt.removed\` and \`apt.purged\`, or what needs it out of the playbook"
      return 1
      ;;
    esac
  done
}
