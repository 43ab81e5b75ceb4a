# Goes on with the journal of the run $id from its byte $start, to the run's end.
run=$base/runs/$id
tries=0
until [ -s "$run/pid" ]; do
  tries=$((tries + 1))
  if [ "$tries" -gt 50 ]; then
    echo "the connection was lost before all had been sent" >&2
    exit 1
  fi
  sleep 0.1
done
cd "$run" || exit
# shellcheck disable=SC2094 # a file and a variable
read -r pid <pid
alive=
# shellcheck disable=SC3013 # every sh of Debian's and Ubuntu's has it
if [ "/proc/$pid/cwd" -ef . ]; then
  alive="-s 0.1 --pid=$pid -f"
else
  # The unit's file goes before the undoing has said how it ended: its job counts.
  while case $(systemctl show -p Job --value "${undo_unit##*/}") in '' | 0) false ;; esac; do sleep 0.1; done
fi
echo "@$token begin"
# shellcheck disable=SC2086 # words on purpose
exec tail $alive -c "+$start" journal
