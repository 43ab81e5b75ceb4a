# A reload only sends a signal: nginx may still refuse (a port that another program holds passes `nginx -t`) and goes
# on as before. It has taken the configuration when it has a worker it did not have.
nginx_load() {
  command -v nginx >/dev/null || return 0
  if ! nginx_all=$(nginx -T 2>"$keeping/nginx"); then
    # The cause first; what it says of others stands behind it.
    grep -F '[emerg]' "$keeping/nginx" || true
    grep -vF '[emerg]' "$keeping/nginx" || true
    return 1
  fi
  sed '/syntax is ok$/d; /test is successful$/d; s/^/note: /' "$keeping/nginx"
  nginx_reads "$@"
  printf '%s\n' "$nginx_all" | nginx_ignores "$keeping/nginx" "$@"
  if ! systemctl is-active --quiet nginx; then
    if systemctl is-enabled --quiet nginx; then daemon start nginx; fi
    return
  fi
  master=$(cat /run/nginx.pid)
  log=/var/log/nginx/error.log
  lines_before=$(wc -l <"$log" || echo 0)
  before=$(nginx_workers)
  daemon reload nginx
  tries=0
  until nginx_taken; do
    tries=$((tries + 1))
    if [ "$tries" -gt 200 ] || tail -n "+$((lines_before + 1))" "$log" | grep -q 'still could not bind'; then
      echo "nginx did not take the new configuration and goes on with the old one; $log says:"
      tail -n "+$((lines_before + 1))" "$log" | tail -n 20
      return 1
    fi
    sleep 0.05
  done
}

nginx_workers() { grep -ls "^PPid:[[:space:]]*$master\$" /proc/[0-9]*/status | tr '\n' ' '; }

nginx_taken() {
  for worker in $(nginx_workers); do
    case " $before " in *" $worker "*) ;; *) return 0 ;; esac
  done
  return 1
}

# nginx_reads PATH…: fails when a file that should be part of the configuration is not.
nginx_reads() {
  for path; do
    case $path in
    /etc/nginx/conf.d/*.conf | /etc/nginx/modules-enabled/*.conf) line="include ${path%/*}/*.conf;" ;;
    /etc/nginx/sites-enabled/*) line="include ${path%/*}/*;" ;;
    *) continue ;;
    esac
    if ! printf '%s\n' "$nginx_all" | grep -qxF "# configuration file $path:"; then
      echo "nginx does not read $path: no file of its configuration includes it"
      case $path in
      */modules-enabled/*) echo "add \`$line\` at the top of /etc/nginx/nginx.conf" ;;
      *) echo "add \`$line\` to \`http\` in /etc/nginx/nginx.conf" ;;
      esac
      return 1
    fi
  done
}

# nginx_ignores WARNINGS PATH…: fails when nginx passes over a server of one of the files, for its name is another's.
# The whole configuration comes on stdin, for a here-document has the program.
nginx_ignores() {
  perl -MCwd=realpath -e 'use strict;
    my ($warnings, @paths) = @ARGV;
    my %own = map { realpath($_) => 1 } @paths;
    my (%names, $file);
    for (split /^# configuration file (.*):\n/m, join "", <STDIN>) {
      if (!defined $file) { $file = ""; next }
      if ($file eq "") { $file = $_; next }
      s/^\s*#.*//mg;
      my @servers = /\bserver\s*\{/g;
      my @named = /\bserver_name\s+([^;]+);/g;
      $names{$_}{$file} = 1 for map { split } @named;
      $names{""}{$file} = 1 if @servers > @named;
      $file = "";
    }
    my $wrong = 0;
    open my $in, "<", $warnings or exit 0;
    while (<$in>) {
      my ($name, $on) = /conflicting server name "(.*)" on (\S+), ignored/ or next;
      my @files = sort keys %{$names{$name}};
      next unless grep $own{realpath($_)}, @files;
      my $what = $name eq "" ? "a server without a name" : "the name $name";
      print "nginx takes $what on $on from one file alone: ", join(" and ", @files), "\n";
      $wrong = 1;
    }
    print "give the sites other names, or take one away (`replaces_default: true` takes the default site)\n" if $wrong;
    exit $wrong' "$@"
}
