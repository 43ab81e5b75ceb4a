# no_links PATH...: what his folder holds he may change at any time, and root would write where a link of his leads.
no_links() {
  for path in "$@"; do
    if [ -L "$path" ]; then
      echo "$path has become a link since the plan was made"
      return 1
    fi
  done
}
