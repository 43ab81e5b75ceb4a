default=/etc/nginx/sites-available/default
if ! nginx_over_ipv6 && [ -e $default ]; then
  echo 'nginx cannot listen over IPv6 here: its default site shall not'
  sed -i 's/^\([[:space:]]*\)\(listen \[::\]\)/\1# \2/' $default
fi
