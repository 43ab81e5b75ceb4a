# Runs a script as root for a user who is not: by sudo, doas or su, whichever is there first.
#  $terminal  sudo wants a terminal
#  $answers   somebody gives a password when `@@hostwright:TOOL:password@@` is said
# The script's own words are our arguments; without any it comes by our input.
# shellcheck shell=sh disable=SC2154

begin='echo @@hostwright@@; echo @@hostwright@@ >&2'
if [ $# -gt 0 ]; then
    text="$begin; $(printf %s "$@" | base64 -d | gzip -d)"
else
    text="$begin; exec sh -s"
fi
there() {
    command -v "$1" >/dev/null 2>&1
}

if there sudo; then
    tool='sudo -n --'
    if [ -n "$answers" ]; then
        tool='sudo -S -p @@hostwright:sudo:password@@ --'
    fi
    if [ -n "$terminal" ]; then
        # script(1) has a terminal for it, past which input and output go.
        export text
        SHELL=/bin/sh exec script -qec "exec $tool"' env LC_ALL=C "PATH=$PATH" "SSH_CONNECTION=$SSH_CONNECTION" \
            sh -c "$text" sh <&3 >&4 2>&5 3<&- 4>&- 5>&-' /dev/null 3<&0 4>&1 5>&2 </dev/null >/dev/null 2>&1
    fi
    # shellcheck disable=SC2086
    exec $tool env LC_ALL=C "PATH=$PATH" "SSH_CONNECTION=$SSH_CONNECTION" sh -c "$text" sh
fi
set -- env LC_ALL=C "PATH=$PATH" "SSH_CONNECTION=$SSH_CONNECTION" sh -c "$text" sh
if there doas; then
    # A password it would read from a terminal only.
    exec doas -n "$@"
fi
if there su; then
    [ -z "$answers" ] || printf @@hostwright:su:password@@ >&2
    exec su root -s /bin/sh -c 'exec "$@"' sh "$@"
fi
echo 'hostwright: no sudo, doas or su' >&2
exit 127
