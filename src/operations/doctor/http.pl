# http.pl ADDRESS METHOD PATH [HEADER]...: asks once by HTTP in the clear, in at most 5 s, and prints the whole answer.
# ADDRESS is host:port, or the path of a socket. The body to send stands in $body. perl-base is enough for it.
use strict;
use IO::Socket::IP;
use IO::Socket::UNIX;
my ($address, $method, $path, @headers) = @ARGV;
my $body = $ENV{body} // "";
alarm 5;
$SIG{ALRM} = sub { print "! no answer within 5 s\n"; exit 1 };
$| = 1;
my ($host, $port) = $address =~ m{^\[?([^/]*?)\]?:(\d+)$};
my $server = $address =~ m{^/}
    ? IO::Socket::UNIX->new($address)
    : IO::Socket::IP->new(PeerHost => $host, PeerPort => $port);
if (!$server) { print "! $!\n"; exit 1 }
push @headers, "Connection: close", "User-Agent: hostwright";
push @headers, "Content-Length: " . length $body if length $body;
syswrite $server, join("\r\n", "$method $path HTTP/1.1", @headers, "", $body);
my ($answer, $part) = ("", "");
while (length $answer < 16384 && sysread $server, $part, 4096) { $answer .= $part }
print length $answer ? $answer : "! the connection was closed without an answer\n";
