# Ends unless the newest generation of the playbook $name means what is $wanted, and no run has begun since.
# shellcheck shell=sh disable=SC2154
newest=$(find "$base/generations/$name" -mindepth 1 -maxdepth 1 -printf '%f\n' | grep -x '[0-9]*' | sort -n | tail -n 1)
if [ -z "$newest" ] || [ -e "$base/begun/$name" ] || [ "$(cat "$base/generations/$name/$newest/digest")" != "$wanted" ]; then exit 0; fi
