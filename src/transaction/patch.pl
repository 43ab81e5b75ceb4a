# perl patch.pl OLD <DIFFERENCE >NEW
use strict;
binmode STDIN;
binmode STDOUT;
local $/;
open my $file, '<:raw', $ARGV[0] or die "$ARGV[0]: $!\n";
my ($old, $difference) = (scalar <$file>, scalar <STDIN>);
my $count = unpack 'V', $difference;
my $places = 12 * $count;
my @places = unpack 'V*', substr $difference, 4, $places;
my $alike = '';
for (my $i = 0; $i < @places; $i += 3) {
    $alike .= substr $old, $places[$i + 1], $places[$i + 2];
}
my $added = substr $difference, 4 + $places, length $alike;
my $fresh = substr $difference, 4 + $places + length $alike;
# All bytes are added at once: without their carries, then the carries, until there are none.
my $twice = join '', map { sprintf '\x%02x', 2 * $_ % 256 } 0 .. 255;
my $double = eval "sub { \$_[0] =~ tr/\\x00-\\xff/$twice/ }" or die $@;
while ($added =~ tr/\0//c) {
    my $carry = $alike & $added;
    $alike ^= $added;
    $double->($carry);
    $added = $carry;
}
my ($a, $f) = (0, 0);
for (my $i = 0; $i < @places; $i += 3) {
    print substr($fresh, $f, $places[$i]), substr($alike, $a, $places[$i + 2]);
    $f += $places[$i];
    $a += $places[$i + 2];
}
print substr $fresh, $f;
close STDOUT or die "$!\n";
