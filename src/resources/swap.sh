# swap_state PATH: `size=BYTES` of the file, `swap` where it is a swap file, `on` where it is in use; `may` where the
# host may swap at all, which one that shares another's kernel may not.
swap_state() {
  if [ -f "$1" ]; then
    stat -c size=%s -- "$1"
    # The last ten bytes of the first page (swapon(8)), whose size is the processor's.
    if [ "$(tail -c "+$(($(getconf PAGESIZE) - 9))" -- "$1" | head -c 10 | tr -d '\0')" = SWAPSPACE2 ]; then echo swap; fi
  fi
  if swap_used "$1"; then echo on; fi
  if ! systemd-detect-virt --quiet --container; then echo may; fi
}

swap_used() { awk -v at="$1" '$1 == at { found = 1 } END { exit !found }' /proc/swaps; }

# swap_make PATH BYTES
swap_make() {
  rm -f -- "$1"
  # Written out where the file system cannot reserve: a swap file has no holes.
  (umask 077 && : >"$1")
  fallocate -l "$2" -- "$1" 2>/dev/null || head -c "$2" /dev/zero >"$1"
  mkswap -- "$1" >/dev/null
  sync -f -- "$1"
}

swap_on() {
  if systemd-detect-virt --quiet --container || swap_used "$1"; then return; fi
  swapon -- "$1"
}

swap_off() { if swap_used "$1"; then swapoff -- "$1"; fi; }
