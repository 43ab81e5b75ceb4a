# pam_limits passes over a line that it does not understand, and tells its log at the next login (limits.conf(5)).
limits_check() {
  awk -v path="$2" '
    BEGIN {
      split("core data fsize memlock nofile rss stack cpu nproc as maxlogins maxsyslogins nonewprivs priority locks sigpending msgqueue nice rtprio chroot", names, " ")
      for (i in names) known[names[i]]
    }
    { sub(/#.*/, "") }
    NF == 0 { next }
    NF == 2 && $2 == "-" { next }
    { why = "" }
    NF != 4 { why = "a line has four words: whose limit, soft, hard or -, of what, and how much" }
    why == "" && $2 !~ /^(soft|hard|-)$/ { why = "`" $2 "` is none of soft, hard and -" }
    why == "" && !($3 in known) { why = "`" $3 "` is nothing that has a limit" }
    why == "" && $3 != "chroot" && tolower($4) !~ /^([+-]?[0-9]+|unlimited|infinity)$/ { why = "`" $4 "` is no limit" }
    why != "" { print path ":" NR ": " why; wrong = 1 }
    END { exit wrong }' "$1"
}

limits_load() {
  for path; do limits_check "$path" "$path"; done
}
