# Runs a script as root for a user who is not: by sudo, doas or su, whichever is there first.
#  $terminal  sudo wants a terminal
#  $answers   somebody gives a password, as a line of our input, when `@@hostwright:TOOL:password@@` is said
# The script's own words are our arguments; without any it comes by our input.
# shellcheck shell=sh disable=SC2154,SC2016

# What a start-up file has printed comes before it.
echo @@hostwright:begin@@ >&2
begin='echo @@hostwright@@; echo @@hostwright@@ >&2'
if [ $# -gt 0 ]; then
    text="$begin; $(printf %s "$@" | base64 -d | gzip -d)"
else
    text="$begin; exec sh -s"
fi
set -- /usr/bin/env LC_ALL=C "PATH=$PATH" "SSH_CONNECTION=$SSH_CONNECTION" sh -c "$text" sh

there() {
    command -v "$1" >/dev/null 2>&1
}

# Becomes root by $1 on a terminal that script(1) has for it, past which input and output go. If $2 is not empty
# the first line of our input is typed there, which comes when the terminal asks.
on_terminal() {
    export text
    exec 3<&0 4>&1 5>&2
    {
        [ -z "$2" ] || {
            IFS= read -r line <&3
            printf '%s\n' "$line"
        }
    } | SHELL=/bin/sh script -qec "exec $1 /usr/bin/env"' LC_ALL=C "PATH=$PATH" "SSH_CONNECTION=$SSH_CONNECTION" \
        sh -c "$text" sh <&3 >&4 2>&5 3<&- 4>&- 5>&-' /dev/null >&5 2>&1
    exit
}

if there sudo; then
    how='sudo -n --'
    [ -z "$answers" ] || how='sudo -S -p @@hostwright:sudo:password@@ --'
    [ -z "$terminal" ] || on_terminal "$how" ''
    # shellcheck disable=SC2086
    exec $how "$@"
fi
if there doas; then
    # It reads a password from a terminal only, and has a prompt of its own.
    [ -z "$answers" ] || doas -n /usr/bin/env true 2>/dev/null || on_terminal doas yes
    exec doas -n "$@"
fi
if there su; then
    printf @@hostwright:su:password@@ >&2
    exec su root -s /bin/sh -c 'exec "$@"' sh "$@"
fi
echo 'hostwright: no sudo, doas or su' >&2
exit 127
