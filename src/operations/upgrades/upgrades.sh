# shellcheck shell=sh # `reading` is put before it
# What an upgrade of all packages would change, by the host's index as it is, and how old that is in seconds.
if read_at=$(stat -c %Y /var/lib/apt/lists/partial 2>/dev/null); then echo "@age $(($(date +%s) - read_at))"; fi
reading --with-new-pkgs upgrade
