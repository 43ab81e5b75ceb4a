# What may be wrong with a host: frames, behind those of its status. $http is perl. What waits for others is asked
# meanwhile. Writes nothing.
quick() {
  rest
  programs
  machine
  routines
  for generation in $(newest); do frame bundle "$base/generations/$generation/bundle.json" "$generation"; done
}
processors_asked | {
  exchanges_asked | {
    sites_asked | {
      quick
      cat
    }
    cat
  }
  cat
}
say end '' ''
