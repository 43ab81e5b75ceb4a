# perl -e … -- KIND WORD… <OLD >NEW: what `Edit::apply` does with a text, for a file that comes with a package.
use strict;
local $/;
my $text = <STDIN>;
$text = "" unless defined $text;
my @lines = split /\n/, $text, -1;
pop @lines if @lines && $lines[-1] eq "";
my $before = join "\n", @lines;
my ($kind, @words) = @ARGV;
sub last_match {
    my ($pattern) = @_;
    for (my $i = $#lines; $i >= 0; $i--) { return $i if $lines[$i] =~ /$pattern/ }
    -1;
}
sub position {
    my ($place, $pattern) = @_;
    return 0 if $place eq "start";
    my $at = $place eq "end" ? -1 : last_match($pattern);
    $at < 0 ? scalar @lines : $place eq "after" ? $at + 1 : $at;
}
sub same { my ($line) = @_; grep { $lines[$_] eq $line } 0 .. $#lines }
if ($kind eq "line") {
    my ($line, $regexp, @place) = @words;
    my $at = $regexp eq "" ? -1 : last_match($regexp);
    ($at) = (same($line), -1) if $at < 0;
    if ($at < 0) { splice @lines, position(@place), 0, $line } else { $lines[$at] = $line }
} elsif ($kind eq "noline") {
    my ($line, $regexp) = @words;
    @lines = grep { !($line ne "" && $_ eq $line || $regexp ne "" && /$regexp/) } @lines;
} elsif ($kind eq "block") {
    my ($begin, $end, $place, $pattern, $block) = @words;
    my ($from, $to) = ((same($begin))[0], (same($end))[0]);
    defined $from == defined $to or die "a mark of the block stands there alone\n";
    ($from, $to) = (position($place, $pattern)) x 2 unless defined $from;
    my @block = split /\n/, $block, -1;
    pop @block if @block && $block[-1] eq "";
    splice @lines, $from, $to - $from + ((same($begin)) ? 1 : 0), $begin, @block, $end;
}
print join("\n", @lines) eq $before ? $text : map { "$_\n" } @lines;
