// Tests of server/: the stream that guards Cap'n Proto, sockets, options.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
