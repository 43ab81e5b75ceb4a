# Breaks a host in many ways at once, each independent of the others.
set -e
cat >/opt/app.py <<'END'
import json, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
port, how = int(sys.argv[1]), sys.argv[2]
class App(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def say(self, status, body="{}", **head):
        self.send_response_only(status)
        if self.path != "/clock":
            self.send_header("Date", self.date_time_string())
        for name, value in head.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())
    def do_GET(self):
        if how == "hangs":
            time.sleep(20)
        if how == "slow" and self.path == "/":
            time.sleep(2.3)
        if how == "fails" and self.path == "/":
            return self.say(500, "the database is gone")
        if how == "exchange":
            if self.path == "/clock":
                return self.say(200, Date="Tue, 01 Jan 2030 00:00:00 GMT")
            return self.say(int(self.path[1:]), Retry_After="120")
        if how == "service" and self.path == "/ready":
            cause = "it refuses the country that this service asks from (status 451)"
            return self.say(200, json.dumps({"status": "ready", "sources": {"spot": "down", "coingecko": "up"}, "causes": {"spot": cause}}))
        self.say(200, "well")
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        def rpc(status, text):
            key = "result" if status == 200 else "error"
            self.say(status, json.dumps({"jsonrpc": "2.0", "id": 1, key: {"message": text}}), Content_Type="application/json")
        if how not in ("named", "strict", "locked") or self.path != "/mcp":
            return self.say(404)
        if how == "named" and not self.headers["Host"].startswith("127.0.0.1"):
            return rpc(403, "Host header is not allowed")
        if how == "locked":
            return rpc(401, "Invalid API key")
        if how == "strict" and self.headers["Origin"]:
            return rpc(403, "Origin is not allowed")
        if how == "strict" and "text/event-stream" not in self.headers["Accept"]:
            return rpc(406, "Client must accept both application/json and text/event-stream")
        rpc(200, "")
    def log_message(self, *_):
        pass
ThreadingHTTPServer(("127.0.0.1", port), App).serve_forever()
END
cd /etc/supervisor/conf.d
program() { printf '[program:%s]\nstartsecs=1\nstartretries=0\nstopasgroup=true\n%s\n' "$1" "$2" >"$1.conf"; }
app() { program "$1" "command=/usr/bin/python3 /opt/app.py $2 $3"; }
site() {
  printf 'server {\n  listen %s;\n  server_name %s.example;\n  access_log /var/log/nginx/%s.log;\n  location / {\n    proxy_pass http://127.0.0.1:%s;\n    proxy_set_header Host $host;\n  }\n}\n' \
    "$2" "$1" "$1" "$3" >"/etc/nginx/conf.d/$1.conf"
}

program missing 'command=/opt/nothing/run'
printf '#!/opt/venv/bin/python\n' >/opt/interpreter
chmod +x /opt/interpreter
program interpreter 'command=/opt/interpreter'
printf '#!/bin/sh\nexec sleep 100000\n' >/opt/unmarked
program unmarked 'command=/opt/unmarked'
printf '#!/bin/sh\n' >/opt/closed
chmod 700 /opt/closed
program closed 'command=/opt/closed
user=www-data'
program taken 'command=/usr/bin/python3 -m http.server 8101 --bind 127.0.0.1'
printf 'import flask\n' >/opt/module.py
program module 'command=/usr/bin/python3 /opt/module.py'
cp /bin/true /opt/linked
# It wants a library that nobody has, and a C library that is not out yet.
sed -i 's/libc\.so\.6/libx.so.6/' /opt/linked
program library 'command=/opt/linked'
cp /bin/true /opt/newer
sed -i 's/GLIBC_2\.34/GLIBC_9.34/' /opt/newer
program newer 'command=/opt/newer'
program memory 'command=/bin/sh -c "ulimit -v 200000; exec python3 -c '"'bytes(2000000000)'"'"'
program setting 'command=/usr/bin/python3 -c "import os; os.environ['"'API_TOKEN'"']"'
printf '\177ELFjunk' >/opt/other
chmod +x /opt/other
program other 'command=/opt/other'

program wrong 'command=/usr/bin/python3 /opt/app.py 9002 well
environment=PORT="9001"'
site wrong 8101 9001
program down 'command=/opt/nothing/run --port 9003'
site down 8102 9003
program stopped 'command=/usr/bin/python3 /opt/app.py 9013 well
autostart=false'
site stopped 8110 9013
program young 'command=/bin/sleep 100000
environment=PORT="9004"'
site young 8103 9004
app hangs 9005 hangs
site hangs 8104 9005
app slow 9006 slow
site slow 8105 9006
app fails 9007 fails
site fails 8106 9007
app named 9008 named
site named 8107 9008
app strict 9009 strict
site strict 8108 9009
app locked 9010 locked
site locked 8109 9010
app exchange 9011 exchange
app service 9012 service
site service 8111 9012
program asker 'command=/bin/sleep 100000
environment=COUNTRY_URL="http://127.0.0.1:9011/451",BANNED_URL="http://127.0.0.1:9011/418",LIMITED_URL="http://127.0.0.1:9011/429",CLOCK_URL="http://127.0.0.1:9011/clock",NAME_URL="http://exchange.invalid/"'

certificate() {
  mkdir -p "$(dirname "$1")"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1" -days "$2" -subj "/CN=$3" 2>/dev/null
}
secure() {
  certificate "$3" "$4" "$1.example"
  printf 'server {\n  listen %s ssl;\n  server_name %s.example;\n  ssl_certificate %s;\n  ssl_certificate_key %s.key;\n}\n' "$2" "$1" "$3" "$3" >"/etc/nginx/conf.d/$1.conf"
}
secure byhand 8441 /etc/ssl/byhand.pem 5
secure gone 8442 /etc/letsencrypt/live/gone.example/fullchain.pem 5
secure moved 8443 /etc/letsencrypt/live/moved.example/fullchain.pem 5
secure refused 8444 /etc/letsencrypt/live/refused.example/fullchain.pem 5
secure renewed 8445 /etc/ssl/renewed.pem 60
mkdir -p /etc/letsencrypt/renewal /var/log/letsencrypt
touch /etc/letsencrypt/renewal/moved.example.conf /etc/letsencrypt/renewal/refused.example.conf
echo '203.0.113.9 moved.example' >>/etc/hosts
cat >/var/log/letsencrypt/letsencrypt.log <<'END'
2026-11-28 02:00:03,143:DEBUG:certbot._internal.error_handler:Calling registered functions
  Type:   unauthorized
  Detail: 203.0.113.7: Invalid response from http://refused.example/.well-known/acme-challenge/x: 404
2026-11-28 02:00:03,200:ERROR:certbot._internal.renewal:Failed to renew certificate refused.example with error: Some challenges have failed.
END
nginx -t -q
systemctl reload nginx
# It has loaded what stands there when it listens.
for _ in $(seq 600); do
  if ss -Hltn | grep -q ':8445 '; then break; fi
  sleep 0.1
done
certificate /etc/ssl/renewed.pem 90 renewed.example
supervisorctl update >/dev/null

mkdir -p /srv/full /srv/many
mount -t tmpfs -o size=1m none /srv/full
dd if=/dev/zero of=/srv/full/big.log bs=64k 2>/dev/null || true
mkdir -p /srv/held
mount -t tmpfs -o size=20m none /srv/held
dd if=/dev/zero of=/srv/held/old.log bs=1M 2>/dev/null || true
systemd-run --quiet --unit=holds sh -c 'exec 3</srv/held/old.log; rm /srv/held/old.log; exec sleep 100000'
mount -t tmpfs -o nr_inodes=20 none /srv/many
for number in $(seq 30); do touch "/srv/many/$number" 2>/dev/null || true; done

mkdir -p /tmp/odd/DEBIAN
printf 'Package: odd\nVersion: 1\nArchitecture: all\nMaintainer: a <a@example.com>\nDescription: odd\n' >/tmp/odd/DEBIAN/control
printf '#!/bin/sh\ntest -e /root/repaired\n' >/tmp/odd/DEBIAN/postinst
chmod 755 /tmp/odd/DEBIAN/postinst
dpkg-deb --build /tmp/odd /tmp/odd.deb >/dev/null
dpkg -i /tmp/odd.deb >/dev/null 2>&1 || true

mkdir -p /usr/local/lib/old /srv/backups
printf "#!/bin/sh\nto='/srv/backups'\necho backup complete\n" >/usr/local/lib/old/backup
chmod +x /usr/local/lib/old/backup
: >/srv/backups/old-1.tar.gz
touch -d '-9 days' /srv/backups/old-1.tar.gz
echo '0 2 * * * root /usr/local/lib/old/backup' >/etc/cron.d/old-backup
systemctl disable -q --now cron
systemctl stop logrotate.timer
printf '[Service]\nExecStart=/bin/true\nUser=nobodyhere\n' >/etc/systemd/system/lost.service
printf '[Service]\nExecStart=/bin/sleep 9\nWorkingDirectory=/nowhere\n' >/etc/systemd/system/placeless.service
systemctl daemon-reload
systemctl start lost placeless || true
ufw allow 22/tcp >/dev/null
ufw --force enable >/dev/null
