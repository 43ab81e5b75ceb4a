# run-parts runs what is executable and has a plain name, and passes over the rest without a word.
run_parts_load() {
  for path; do
    run-parts --test "${path%/*}" | grep -qxF "$path" || {
      echo "cron would not run $path: it is not executable (\`mode: 0755\` makes it so)"
      return 1
    }
  done
}
