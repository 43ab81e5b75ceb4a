# Loads what the files name. A host that shares its machine's kernel can load nothing (CAP_SYS_MODULE is bit 16,
# capabilities(7)).
modules_load_load() {
  command -v modprobe >/dev/null || return 0
  for path; do
    if [ ! -d "/lib/modules/$(uname -r)" ]; then
      echo "note: this host has no modules for its kernel, $(uname -r): nothing is loaded"
      return
    fi
    # shellcheck disable=SC2013 # words, as names are
    for name in $(sed '/^[[:space:]]*[#;]/d; s/^[[:space:]]*\([^[:space:]]*\).*/\1/' "$path"); do
      modprobe --dry-run --quiet -- "$name" || {
        echo "$path names $name, and the kernel $(uname -r) has no such module"
        return 1
      }
    done
    if [ $((0x$(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status) >> 16 & 1)) -eq 0 ]; then
      echo "note: this host may load no modules: those of the machine that it runs on count"
      return
    fi
    SYSTEMD_LOG_TARGET=console /lib/systemd/systemd-modules-load "$path"
  done
}
