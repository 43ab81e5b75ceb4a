# Archives where rclone puts them: $remote_path, which $own/rclone.conf may say more of.

rclone_do() { rclone --config "$own/rclone.conf" --log-level ERROR --retries 3 "$@"; }

listing() {
  rclone_do lsf --files-only --format sp --separator ' ' --include "/$prefix-*" -- "$remote_path" 2>"$state/rclone" && return
  # No folder is there before the first archive.
  grep -q 'directory not found' "$state/rclone" && return
  cat "$state/rclone" >&2
  return 1
}

manifests() {
  rclone_do cat --include "/$prefix-*.manifest" -- "$remote_path" 2>"$state/rclone" && return
  grep -q 'directory not found' "$state/rclone" && return
  cat "$state/rclone" >&2
  return 1
}

put() {
  rclone_do copyto -- "$1" "$remote_path/$2" || return
  rm -f -- "$1"
}

get() {
  rclone_do copyto -- "$remote_path/$1" "$work/.$prefix.got" && echo "$work/.$prefix.got"
}

drop() { rclone_do deletefile -- "$remote_path/$1"; }
