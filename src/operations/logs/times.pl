# Lines of a log, each behind the moment that it stands for, in seconds since 1970: what it says of that by itself, or what
# the line before it said; of a log that says no times, when it was last written. The host's zone counts where none is named.
#   lines SINCE LAST WRITTEN PATTERN JOURNAL   of standard input what was logged since then, the LAST lines of that all
#                                              unless given, that match; of the journal its cursor too, and seconds without their parts
#   begin SINCE FILE                           from which byte on the file may hold what was logged since then
use strict;
use POSIX ();

my %month;
@month{qw(jan feb mar apr may jun jul aug sep oct nov dec)} = 1 .. 12;
my ($now, %known) = (time);

# seconds YEAR MONTH DAY HOUR MINUTE SECOND PART ZONE
sub seconds {
    my ($year, $month, $day, $hour, $minute, $second, $part, $zone) = @_;
    return if $month < 1 || $month > 12 || $day < 1 || $day > 31 || $hour > 23 || $minute > 59 || $second > 60;
    my $key = join " ", @_[0 .. 5], $zone // "";
    if (!exists $known{$key}) {
        %known = () if keys %known > 10000;
        if (defined $zone && $zone =~ /^(?:Z|UTC|GMT|([+-])(\d\d):?(\d\d))$/) {
            # Days since 1970 of a year that begins in March.
            my ($y, $m) = $month > 2 ? ($year, $month - 3) : ($year - 1, $month + 9);
            my $days = 365 * $y + int($y / 4) - int($y / 100) + int($y / 400) + int((153 * $m + 2) / 5) + $day - 719469;
            my $ahead = defined $1 ? ($1 eq "-" ? -1 : 1) * ($2 * 3600 + $3 * 60) : 0;
            $known{$key} = $days * 86400 + $hour * 3600 + $minute * 60 + $second - $ahead;
        } else {
            $known{$key} = POSIX::mktime($second, $minute, $hour, $day, $month - 1, $year - 1900, 0, 0, -1);
        }
    }
    my $at = $known{$key};
    return defined $at ? $at + ($part ? "0.$part" : 0) : undef;
}

# Of a day without its year it is the last one that has been.
sub this_year {
    my @moment = @_;
    my $year = (localtime $now)[5] + 1900;
    my $at = seconds($year, @moment);
    return defined $at && $at > $now + 86400 ? seconds($year - 1, @moment) : $at;
}

my $clock = qr/(\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?/;
my $zone = qr/(?: ?(Z|UTC|GMT|[+-]\d\d:?\d\d)\b)?/;
my $iso = qr{(\d{4})[-/](\d\d)[-/](\d\d)[T ]$clock$zone};
my $name = qr/(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)/i;
my $week = qr/(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)/;
my $level = qr/(?:trace|debug|verbose|info|notice|warn|warning|error|err|crit|critical|fatal|panic|alert|emerg)/i;
my $before = qr/^[\s\[("'<]*(?:$level[\s\])"'>:|-]+[\s\[("'<]*)?/;
my $field = qr/(?:time|timestamp|\@timestamp|datetime|date|ts|at|t)/i;

# The seconds since 1970 that a number says, which may count thousandths, millionths and billionths.
sub counted {
    my ($number) = @_;
    $number /= 1000 while $number >= 1e11;
    return $number >= 1e9 ? $number : undef;
}

# time_of LINE: when it was written, if it says so.
sub time_of {
    local $_ = substr $_[0], 0, 2000;
    return seconds($1, $2, $3, $4, $5, $6, $7, $8) if /$before$iso/;
    # nginx's and Apache's access logs.
    return seconds($3, $month{lc $2}, $1, $4, $5, $6, $7, $8) if m{^\S+ \S+ .{0,80}?\[(\d\d)/$name/(\d{4}):$clock$zone\]};
    # syslog's.
    return this_year($month{lc $1}, $2, $3, $4, $5, $6) if /^(?:<\d{1,3}>)?$name {1,2}(\d{1,2}) $clock(?: |$)/;
    # date(1)'s and Apache's error logs.
    return seconds($8, $month{lc $1}, $2, $3, $4, $5, $6, $7) if /$before$week $name {1,2}(\d{1,2}) $clock$zone (\d{4})/;
    # That of mail and HTTP.
    return seconds($3, $month{lc $2}, $1, $4, $5, $6, $7, $8) if /$before$week, (\d{1,2}) $name (\d{4}) $clock$zone/;
    # glog's.
    return this_year($1, $2, $3, $4, $5, $6) if /^[IWEF](\d\d)(\d\d) $clock /;
    return counted($1) if /$before(\d{10}(?:\d{3}|\d{6}|\d{9})?(?:\.\d+)?)(?![\d.])/;
    my $key = /^\s*\{/ ? qr/"$field"\s*:\s*"?/ : qr/(?:^|\s)$field="?/;
    while (/$key/g) {
        return seconds($1, $2, $3, $4, $5, $6, $7, $8) if /\G$iso/;
        return counted($1) if /\G(\d{10,19}(?:\.\d+)?)(?!\d)/;
    }
    return undef;
}

my $task = shift;
if ($task eq "begin") {
    my ($since, $path) = @ARGV;
    open my $file, "<", $path or exit;
    my $size = -s $file;
    for (my $back = 65536;; $back *= 4) {
        my $from = $size > $back ? $size - $back : 0;
        seek $file, $from, 0;
        # The first line may be half a one.
        <$file> if $from;
        my $at;
        while (!defined $at && defined(my $line = <$file>)) { $at = time_of($line) }
        next if $from && (!defined $at || $at >= $since);
        print $from;
        exit;
    }
}

my ($since, $last, $written, $pattern, $journal) = @ARGV;
my (@lines, @at, @wanted, $first, $at, $cursor);

# choose: of the lines that were read since the last time, those that are wanted are kept. A log may be larger than the
# memory of its host.
sub choose {
    my @chosen = grep !defined $at[$_] || $at[$_] >= $since, 0 .. $#lines;
    if (length $pattern && @chosen) {
        my %matches;
        my $pid = open my $matching, "-|";
        defined $pid or die "fork: $!";
        if (!$pid) {
            open my $grep, "|-", "grep", "-anE", "-e", $pattern or die "grep: $!";
            print $grep "$lines[$_]\n" for @chosen;
            close $grep;
            # An exit would wind the parent's input back.
            POSIX::_exit(0);
        }
        while (<$matching>) { $matches{$chosen[$1 - 1]} = 1 if /^(\d+):/ }
        close $matching;
        @chosen = grep $matches{$_}, @chosen;
    }
    push @wanted, map [$at[$_], $lines[$_]], @chosen;
    splice @wanted, 0, @wanted - $last if length $last && @wanted > $last;
    @lines = @at = ();
}

my $held = 0;
while (my $line = <STDIN>) {
    chomp $line;
    if ($journal) {
        if ($line =~ /^-- cursor: /) { $cursor = $line; next }
        # What goes on with a message is indented, and may begin with any time.
        $at = time_of($line) // $at if $line !~ /^\s/;
        $line =~ s/^(\S{19})\.\d+/$1/;
    } else {
        $at = time_of($line) // $at;
    }
    $first //= $at;
    push @lines, $line;
    push @at, $at;
    $held += 100 + length $line;
    if ($held > 4194304) { choose(); $held = 0 }
}
choose();
# What stands before the first that says one is as old as that, as far as is known.
$first //= $written;
for (@wanted) {
    my $when = $_->[0] // $first;
    printf "%.6f %s\n", $when, $_->[1] if $when >= $since;
}
print "$cursor\n" if defined $cursor;
