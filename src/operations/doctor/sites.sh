# What sites answer, asked on the host, and what they pass requests on to: `sites_asked`.

# asked KIND NAME ADDRESS METHOD PATH [HEADER]...: says the answer, behind how many milliseconds it took. Fails where
# there is none.
asked() {
  asked_kind=$1
  asked_name=$2
  shift 2
  begun=$(date +%s%3N)
  answer=$(perl -e "$http" "$@" 2>/dev/null | head -c 6000 | tr -d '\000')
  say "$asked_kind" "$asked_name" "$(($(date +%s%3N) - begun))
$answer"
  case $answer in '!'*) return 1 ;; esac
}

# proxied FILE: what it passes requests on to by HTTP, as far as that is an address.
proxied() {
  sed -n 's:^[[:space:]]*proxy_pass[[:space:]]\{1,\}http\://\([^/;[:space:]]*\).*:\1:p
    s/^[[:space:]]*server[[:space:]]\{1,\}\([^;{[:space:]]*\).*;.*/\1/p' "$1" | sort -u | while read -r to; do
    case $to in
    unix:*) to=${to#unix:} && echo "${to%:}" ;;
    *'$'* | *'{'*) ;;
    *:*) echo "$to" ;;
    [0-9]*.*.* | localhost) echo "$to:80" ;;
    esac
  done
}

# log_of FILE access|error: where nginx logs for a site.
log_of() {
  path=$(sed -n "s/^[[:space:]]*${2}_log[[:space:]]\{1,\}\([^;[:space:]]*\).*/\1/p" "$1" | head -n 1)
  case $path in /*) ;; *) path=/var/log/nginx/$2.log ;; esac
  echo "$path"
}

initialize() { printf %s '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"hostwright","version":"1"}}}'; }

# mcp SITE ADDRESS HOST DIRECT: asks as MCP's clients do: as they should, as simple ones do, from a page, and past nginx.
mcp() {
  body=$(initialize)
  export body
  json='Content-Type: application/json'
  both='Accept: application/json, text/event-stream'
  asked mcp "plain $1" "$2" POST /mcp "Host: $3" "$json" "$both"
  asked mcp "json $1" "$2" POST /mcp "Host: $3" "$json" 'Accept: application/json'
  asked mcp "origin $1" "$2" POST /mcp "Host: $3" "$json" "$both" "Origin: https://client.example"
  if [ -n "$4" ]; then asked mcp "direct $1" "$4" POST /mcp "Host: $4" "$json" "$both"; fi
  body=
}

site_asked() {
  site=$1
  name=${site##*/}
  name=${name%.conf}
  # shellcheck disable=SC2016 # it is awk's
  say conf "$name" "$(sed 's/^[[:space:]]*#.*//' "$site" | head -c 16000)"
  first=$(sed -n 's/^[[:space:]]*server_name[[:space:]]\{1,\}\([^;[:space:]]*\).*/\1/p' "$site" | head -n 1)
  case $first in '' | _ | '*'* | '~'* | .*) first=localhost ;; esac
  # The first socket that takes HTTP in the clear.
  socket=$(sed -n 's/^[[:space:]]*listen[[:space:]]\{1,\}\([^;]*\);.*/\1/p' "$site" | grep -v -w -e ssl -e quic | grep -v '^\[' | head -n 1)
  socket=${socket%% *}
  case $socket in
  '') address= ;;
  unix:*) address=${socket#unix:} ;;
  '*':*) address=127.0.0.1:${socket#*:} ;;
  *:*) address=$socket ;;
  *.*) address=$socket:80 ;;
  *) address=127.0.0.1:$socket ;;
  esac
  to=$(proxied "$site")
  lives=
  for one in $to; do
    # Whoever does not answer is asked no more.
    if asked direct "$one" "$one" GET / "Host: $first"; then
      lives=yes
      asked ready "$one" "$one" GET /ready "Host: $first"
    fi
  done
  if [ -n "$address" ]; then asked answer "$name" "$address" GET / "Host: $first"; fi
  if [ -n "$lives" ] && [ -n "$address" ]; then mcp "$name" "$address" "$first" "$(printf '%s\n' "$to" | head -n 1)"; fi
  log=$(log_of "$site" error)
  say errors "$name" "log=$log
$(tail -n 400 "$log" 2>/dev/null | grep -E 'upstream|\[(emerg|alert|crit)\]' | tail -n 5 | cut -c 1-500)"
  # How often what was refused or failed, of the last requests.
  say refused "$name" "$(tail -n 4000 "$(log_of "$site" access)" 2>/dev/null | awk '
    $9 ~ /^(401|403|404|405|406|415|421|429|499|50[0-4])$/ { path = $7; sub(/\?.*/, "", path); count[$9 " " substr($6, 2) " " path]++ }
    END { for (what in count) print count[what], what }' | sort -rn | head -n 30)"
  # What is served for its first name, and what stands in its file.
  cert=$(sed -n 's/^[[:space:]]*ssl_certificate[[:space:]]\{1,\}\([^;[:space:]]*\).*/\1/p' "$site" | head -n 1)
  if [ -n "$cert" ] && command -v openssl >/dev/null; then
    port=$(sed -n 's/^[[:space:]]*listen[[:space:]]\{1,\}\([^;]*\);.*/\1/p' "$site" | grep -w ssl | head -n 1)
    port=${port%% *}
    served=$(timeout 5 openssl s_client -connect "127.0.0.1:${port##*:}" -servername "$first" </dev/null 2>/dev/null |
      openssl x509 -noout -enddate -fingerprint -sha256 2>/dev/null | tr '\n' ' ')
    stands=$(openssl x509 -noout -enddate -fingerprint -sha256 -in "$cert" 2>/dev/null | tr '\n' ' ')
    lineage=$(printf '%s\n' "$cert" | sed -n 's:^/etc/letsencrypt/live/\([^/]*\)/.*:\1:p')
    renewal=
    if [ -n "$lineage" ] && [ -f "/etc/letsencrypt/renewal/$lineage.conf" ]; then renewal=yes; fi
    say certificate "$name" "file=$cert
served=$served
stands=$stands
lineage=$lineage
renewal=$renewal"
    sed -n 's/^[[:space:]]*server_name[[:space:]]\{1,\}\([^;]*\);.*/\1/p' "$site" | tr ' ' '\n' | sort -u | while read -r one; do
      case $one in '' | _ | '*'* | '~'* | .*) continue ;; esac
      say resolved "$one" "$(getent ahosts "$one" 2>/dev/null | cut -d ' ' -f 1 | sort -u)"
    done
  fi
}

# side_by_side FILE...: one that does not answer keeps no other waiting.
side_by_side() {
  [ $# -gt 0 ] || return 0
  one=$1
  shift
  site_asked "$one" | {
    side_by_side "$@"
    cat
  }
}

# So many sites at a time.
many=16

sites_asked() {
  set --
  for site in /etc/nginx/sites-enabled/* /etc/nginx/conf.d/*.conf; do
    if ! grep -qsE '^[[:space:]]*(server[[:space:]]*\{|server_name|listen)' "$site"; then continue; fi
    set -- "$@" "$site"
    if [ $# -eq "$many" ]; then
      side_by_side "$@"
      set --
    fi
  done
  side_by_side "$@"
  if [ -d /etc/letsencrypt/live ]; then
    say renewing '' "$(for timer in certbot.timer snap.certbot.renew.timer; do
      systemctl show -p Id,ActiveState,LoadState "$timer" 2>/dev/null | tr '\n' ' '
      echo
    done)"
    say renewed '' "$(tail -n 400 /var/log/letsencrypt/letsencrypt.log 2>/dev/null |
      grep -E 'Detail: |urn:ietf:params:acme:error|Type: |Failed to renew|rror: |Could not|Connection refused|timed out' | tail -n 12 | cut -c 1-400)"
    say addresses '' "$(ip -o addr 2>/dev/null | awk '{ sub("/.*", "", $4); print $4 }')"
  fi
}
