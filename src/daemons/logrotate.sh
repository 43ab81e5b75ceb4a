# Looks at all of logrotate's files, the one at PATH being NEW, in a copy. What logrotate says without it is not its
# fault.
logrotate_check() {
  command -v logrotate >/dev/null || return 0
  copy=$keeping/logrotate
  rm -rf -- "$copy"
  mkdir "$copy"
  cp -a -- /etc/logrotate.d "$copy/d"
  rm -f -- "$copy/d/${2##*/}" "$copy/d"/.*.hostwright-new~
  logrotate_copy /etc/logrotate.conf
  logrotate_says >"$copy/before"
  if [ "$2" = /etc/logrotate.conf ]; then
    logrotate_copy "$1"
  else
    cp -a -- "$1" "$copy/d/${2##*/}"
    logrotate_overlaps "$2" "$copy/conf" "$copy/d"/*
  fi
  logrotate_says >"$copy/after"
  if [ "$2" != /etc/logrotate.conf ] && ! grep -qxF "reading config file ${2##*/}" "$copy/after"; then
    grep -F "${2##*/}" "$copy/after" || true
    echo "logrotate does not read $2"
    return 1
  fi
  # A log that is not there yet is no mistake in the file.
  grep '^error: ' "$copy/after" | grep -v '^error: stat of .* failed: No such file' >"$copy/wrong" || true
  if grep -vxFf "$copy/before" "$copy/wrong"; then
    echo "logrotate does not take $2"
    return 1
  fi
  if [ -s "$copy/wrong" ]; then
    sed "s|^|note: logrotate says without $2 as well: |" "$copy/wrong"
  fi
  rm -rf -- "$copy"
}

logrotate_copy() { sed "s|/etc/logrotate\.d|$copy/d|" "$1" >"$copy/conf"; }

logrotate_says() { logrotate -d "$copy/conf" 2>&1 | sed "s|$copy/d|/etc/logrotate.d|g; s|$copy/conf|/etc/logrotate.conf|g"; }

# logrotate_overlaps PATH FILE…: fails when PATH and another of the files name one log, which logrotate takes for a
# mistake once that log is there.
logrotate_overlaps() {
  perl - "$@" <<'PERL'
use strict;
my $own = shift;
my %logs;
for my $file (@ARGV) {
  open my $in, "<", $file or next;
  my $path = $file =~ m{/d/([^/]+)$} ? "/etc/logrotate.d/$1" : "/etc/logrotate.conf";
  my ($inside, $script) = (0, 0);
  while (<$in>) {
    s/#.*//;
    if ($script) { $script = 0 if /^\s*endscript\b/; next }
    if (/^\s*(pre|post)rotate\b|^\s*(first|last|pre)action\b|^\s*preremove\b/) { $script = 1; next }
    exit 0 if /^\s*ignoreduplicates\b/;
    if (!$inside and m{^\s*["'/]}) { push @{$logs{$path}}, grep defined, /"([^"]+)"|'([^']+)'|([^\s{]+)/g }
    $inside = 1 if /\{/;
    $inside = 0 if /\}/;
  }
}
# Whether some name is meant by both patterns.
sub meet {
  my ($p, $q) = @_;
  return 1 if !@$p and !@$q;
  for ([$p, $q], [$q, $p]) {
    my ($one, $other) = @$_;
    next unless @$one and $one->[0] eq "*";
    my @rest = @$one[1 .. $#$one];
    return 1 if meet(\@rest, $other);
    return @$other && $other->[0] ne "/" && meet($one, [@$other[1 .. $#$other]]);
  }
  return 0 unless @$p and @$q;
  my ($a, $b) = ($p->[0], $q->[0]);
  my $any = sub { $_[0] =~ /^(\?|\[.+)$/s };
  return 0 unless $a eq $b or $any->($a) && $b ne "/" or $any->($b) && $a ne "/";
  return meet([@$p[1 .. $#$p]], [@$q[1 .. $#$q]]);
}
sub pieces { [$_[0] =~ /\[[^\]]+\]|./gs] }
my $met = 0;
for my $log (@{$logs{$own}}) {
  for my $other (grep $_ ne $own, sort keys %logs) {
    for my $theirs (@{$logs{$other}}) {
      next unless meet(pieces($log), pieces($theirs));
      print "$own rotates $log, and $other rotates $theirs: logrotate takes a log from one file alone\n";
      $met = 1;
    }
  }
}
exit $met;
PERL
}

logrotate_load() {
  for path; do logrotate_check "$path" "$path"; done
}
