// Tests of server/objects: the whole server in one process, over a pipe, with real planners.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
