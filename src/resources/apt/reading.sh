# Asks apt what it would do. A plan writes nothing: no log, and no cache. apt writes neither of its two where the
# directory of the first takes no file, and reads the second, of the index alone, all the same if it is valid
# (apt-pkg/pkgcachegen.cc, MakeStatusCache). A name is a name, and no regular expression for want of a package of that name.
reading() {
  LC_ALL=C apt-get -s -y -o APT::Cmd::Pattern-Only=true -o Dir::Cache::pkgcache=/proc/none/pkgcache.bin -o Debug::NoLocking=1 \
    -o Dir::Log::Planner=/dev/null -o Dir::Log::Solver=/dev/null "$@" 2>&1
}
