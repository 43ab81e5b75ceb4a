# mounted PATH SRC FSTYPE OPTS: `no`, `same` where that is mounted there, or `other` and what is.
mounted() {
  mount_seen=$(awk -v at="$1" '{
      for (n = 7; $n != "-"; n++) continue
      gsub(/\\040/, " ", $5)
      if ($5 == at) seen = $(n + 2) " " $(n + 1)
    } END { print seen }' /proc/self/mountinfo)
  if [ -z "$mount_seen" ]; then
    echo no
    return
  fi
  mount_type=${mount_seen#* } mount_src=$2
  case ,$4, in
  *,bind,* | *,rbind,*)
    if [ "$(stat -c %d:%i -- "$2")" = "$(stat -c %d:%i -- "$1")" ]; then echo same; else echo "other ${mount_seen% *}"; fi
    return
    ;;
  esac
  case $2 in
  *=*) mount_src=$(findfs "$2" 2>/dev/null) ;;
  /*) mount_src=$(readlink -f -- "$2") ;;
  esac
  # A network's file system, nfs, is called nfs4 where the kernel mounts it.
  if [ "${mount_seen% *}" = "$mount_src" ] && { [ "$3" = auto ] || [ "${mount_type#"$3"}" != "$mount_type" ]; }; then
    echo same
  else
    echo "other ${mount_seen% *}"
  fi
}

# mount_now PATH: as fstab says, which systemd reads too.
mount_now() {
  systemctl daemon-reload
  mount -- "$1"
  mountpoint -q -- "$1"
}

mount_again() {
  systemctl daemon-reload
  mount -o remount -- "$1"
}
