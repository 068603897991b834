// The planner's tests.  They cover the executable as the front sees it: a zygote on a socket, planners on others.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
