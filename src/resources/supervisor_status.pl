# What supervisord says of its processes, from itself: in a tenth of the time that supervisorctl's Python takes to
# start. A line each: group:name, state, exit status, pid, when it was started, its two logs, `-` for none.
# Ends with 1 where supervisord is to be asked otherwise.
use strict;
use IO::Socket::INET;
use IO::Socket::UNIX;
alarm 5;
my $answer = "";
{
    local $/;
    open my $file, "<", "/etc/supervisor/supervisord.conf" or exit 1;
    my ($section) = <$file> =~ m{^\[supervisorctl\]([^\[]*)}m or exit 1;
    my ($url) = $section =~ m{^serverurl\s*[=:]\s*([^\s;]+)}m or exit 1;
    my ($user) = $section =~ m{^username\s*[=:]\s*(\S+)}m;
    my ($password) = $section =~ m{^password\s*[=:]\s*(\S+)}m;
    my $server = $url =~ m{^unix://(/.*)} ? IO::Socket::UNIX->new($1)
        : $url =~ m{^http://([^/]+)} ? IO::Socket::INET->new($1) : exit 1;
    $server or exit 1;
    my $login = "";
    if (defined $user) {
        my $word = "$user:$password";
        $login = pack "u", $word;
        $login =~ s/^.//mg;
        $login =~ s/\n//g;
        $login =~ tr#`!-_#A-Za-z0-9+/#;
        substr($login, -$_) = "=" x $_ for grep $_, -length($word) % 3;
        $login = "Authorization: Basic $login\r\n";
    }
    my $call = "<methodCall><methodName>supervisor.getAllProcessInfo</methodName></methodCall>";
    print $server "POST /RPC2 HTTP/1.0\r\n${login}Content-Type: text/xml\r\nContent-Length: ", length $call, "\r\n\r\n$call";
    $server->flush;
    $answer = <$server>;
}
exit 1 if $answer !~ m{^HTTP/1\.\d 200 } || $answer =~ /<fault>/;
for ($answer =~ m{<struct>(.*?)</struct>}sg) {
    my %is = m{<name>(\w+)</name>\s*<value><\w+>([^<]*)</}g;
    my @fields = ("$is{group}:$is{name}", @is{qw(statename exitstatus pid start)});
    print join("\t", map { length ? $_ : "-" } @fields, @is{qw(stdout_logfile stderr_logfile)}), "\n";
}
