# Takes a run's archive on stdin, proves every content by its hash, starts the program detached from this connection,
# and follows its journal. The run is $run in $base, $id its name; its journal begins behind a line with $token. Of
# runs $runs stay, contents that no run used and no generation needs stay for $days.
set -eu
umask 077
run=$base/runs/$id
rm -rf "$run"
# What does not arrive whole, on a full disk or over a link that breaks, leaves nothing here, and no secret.
trap 'rm -rf "$run"' EXIT
mkdir -p "$base/store" "$base/loaded" "$run/incoming" "$run/files" "$run/kept"
chmod 0700 "$base"
tar -xzmf - --no-same-owner -C "$run"
cd "$run/incoming"
for patch in ../patches/*.like; do
  [ -e "$patch" ] || continue
  f=$(basename "$patch" .like)
  perl ../patch.pl "$(cat "$patch")" <"../patches/$f" >"$f"
done
rm -rf ../patches ../patch.pl
if [ -n "$(ls)" ]; then
  find . -type f -printf '%f  %f\n' | sha256sum -c --quiet - >&2
  find . -type f -exec mv -f -t "$base/store" -- {} +
fi
cd "$run"
find "$base/store" -type f -mtime "+$days" -printf '%f\n' | sort >old
cat "$base"/generations/*/*/contents 2>/dev/null | sort -u >needed
comm -23 old needed | (cd "$base/store" && xargs -r rm -f --)
rm -f old needed
find "$base/runs" -mindepth 1 -maxdepth 1 ! -name "$id" -printf '%f\n' | sort -r | tail -n "+$runs" | while read -r old; do
  rm -rf "$base/runs/$old"
done
# Of a host that lost its power while it took one in.
find "$base/runs" -mindepth 1 -maxdepth 1 ! -name "$id" -mmin +60 ! -exec test -e '{}/journal' \; -exec rm -rf -- '{}' +
# On a disk that fills up from here on there is room for what the run has to say when it fails, and for its number.
head -c 65536 /dev/zero >reserve
printf '%20s\n' '' >pid.new
: >journal
trap - EXIT
# Not as a child of what follows it: one that is killed would stay, as a zombie, and be waited for without an end.
(
  setsid sh ./program </dev/null >/dev/null 2>&1 &
  echo $! 1<>pid.new
)
mv -f pid.new pid
# shellcheck disable=SC2094 # a file and a variable
read -r pid <pid
echo "@$token begin"
exec tail -s 0.1 --pid="$pid" -c +1 -f journal
