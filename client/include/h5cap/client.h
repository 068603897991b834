// h5cap for C++: HDF5 files on another machine, sliced as if they were local.  Start here.
//
//     auto file  = h5cap::connect("h5cap+unix:///run/user/1000/h5cap.sock").open("raw/run42/scan.nxs");
//     auto view  = file.dataset("/entry/data/data")[{42, h5cap::range(0, 64), h5cap::all}];  // no bytes yet
//     auto frame = view.read<std::uint16_t>();                                               // one round trip
//
// Objects are handles: cheap to copy, safe to use from any thread, alive while any copy is.  Finding an object sends at
// most one message and waits for nothing; what is wrong with it (NotFound, Denied, FileError) is thrown by the first
// call that waits.  Every wait is said in the function's comment, counted in round trips.
//
// Where to look: session.h (connect, directories), file.h (files, groups), dataset.h (slicing and reading), array.h
// (what reading returns), attributes.h, selection.h (indices), options.h (what may be said besides), report.h (what
// servers and files tell of themselves), error.h (what is thrown), xtensor.h (opt-in).
#pragma once

#include "h5cap/array.h"
#include "h5cap/attributes.h"
#include "h5cap/dataset.h"
#include "h5cap/error.h"
#include "h5cap/file.h"
#include "h5cap/node.h"
#include "h5cap/options.h"
#include "h5cap/report.h"
#include "h5cap/selection.h"
#include "h5cap/session.h"
