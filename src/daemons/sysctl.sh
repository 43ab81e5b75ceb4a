# sysctl_load [PATH…]: the kernel takes every line of the files, and no file that is read later takes one back. Without
# a path (after a file was put back) all files are read.
sysctl_load() {
  sysctl_set=/lib/systemd/systemd-sysctl
  [ -x "$sysctl_set" ] || return 0
  if [ ! -w /proc/sys/net/ipv4/ip_forward ]; then
    echo "note: the kernel's values cannot be set on this host: they are those of the machine that it runs on"
    return
  fi
  if [ $# -eq 0 ]; then
    "$sysctl_set"
    return
  fi
  for path; do
    [ -f "$path" ] || continue
    said=$(SYSTEMD_LOG_TARGET=console "$sysctl_set" "$path" 2>&1) || true
    if [ -n "$said" ]; then
      echo "the kernel does not take all of $path:"
      printf '%s\n' "$said"
      return 1
    fi
    sysctl_holds "$path"
  done
}

# sysctl_holds FILE: the kernel has the file's values, and will have them after the next start, when all files are read
# in the order of their names, whatever folder they stand in (sysctl.d(5)). A key whose first separator is a slash
# is a path; one that begins with `-` may be missing; it may hold patterns.
sysctl_holds() {
  perl -e 'use strict;
    sub values_of {
      open my $in, "<", $_[0] or return;
      my @found = map { /^\s*([^-#;\s=][^=]*?)\s*=\s*(.*?)\s*$/ ? [$1, $2] : () } <$in>;
      for (@found) { $_->[0] =~ tr#./#/.# if $_->[0] =~ m#^[^./]*\.# }
      @found;
    }
    sub same {
      my ($one, $other) = map { join " ", split } @_;
      my @numbers = map { /^0x/i ? hex : $_ } $one, $other;
      $one eq $other || !grep(/[^-\d]/, @numbers) && $numbers[0] == $numbers[1];
    }
    my ($own) = @ARGV;
    my ($name) = $own =~ m#([^/]+)$#;
    my %last = map { $_->[0] => $_->[1] } values_of($own);
    my %later;
    for my $file (map glob("$_/*.conf"), "/usr/lib/sysctl.d", "/usr/local/lib/sysctl.d", "/run/sysctl.d", "/etc/sysctl.d") {
      my ($other) = $file =~ m#([^/]+)$#;
      $later{$other} = $file if $other gt $name && join(" ", (stat $file)[0, 1]) ne join(" ", (stat $own)[0, 1]);
    }
    for my $key (sort keys %last) {
      for my $file (glob "/proc/sys/$key") {
        open my $in, "<", $file or next;
        my $now = <$in>;
        defined $now && !same($now, $last{$key}) or next;
        print "$own says $key = $last{$key}, and the kernel has $now";
        exit 1;
      }
      for my $file (@later{sort keys %later}) {
        my ($other) = map $_->[1], grep { $_->[0] eq $key && !same($_->[1], $last{$key}) } values_of($file);
        defined $other or next;
        print "$own says $key = $last{$key}, but $file, which is read later, says $other\n";
        exit 1;
      }
    }' "$1"
}
