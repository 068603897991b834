// Tests of server/transport and of the program: the stream that guards Cap'n Proto, sockets, options.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
