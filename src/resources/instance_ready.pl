# Whether a program is ready: PORT PATH. It listens, and answers a GET of the path with 2xx or 3xx; `tcp` for a path asks
# for no answer. Else it ends with 1 and says what there was.
use strict;
use IO::Socket::INET;
my ($port, $path) = @ARGV;
$SIG{ALRM} = sub { print "it did not answer GET $path within 10 s"; exit 1 };
alarm 10;
my $server = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $port);
if (!$server) { print "nobody listens at port $port"; exit 1 }
exit 0 if $path eq "tcp";
$SIG{PIPE} = "IGNORE";
print $server "GET $path HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n";
$server->flush;
my $line = <$server> // "";
exit 0 if $line =~ m{^HTTP/1\.\d [23]\d\d};
$line =~ s/[^ -~]+//g;
print $line eq "" ? "it closed the connection without an answer to GET $path" : "it answers GET $path with `$line`";
exit 1;
