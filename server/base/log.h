// What the program says, on standard error and standard output.
//
// Whoever says something never waits for whoever should read it: lines queue, and a thread of their own writes them.
// What the queue does not hold is dropped, and so is what one peer causes beyond a few lines a second; lines say how
// many were.
#pragma once

#include <chrono>
#include <string>

namespace h5cap {

// One line a message on standard error, with the time.  Safe from all threads.
void logLine(const std::string& text);

// The same about a peer, whom the line begins with, as in "a TCP connection from 10.0.0.7".
void logLine(const std::string& peer, const std::string& text);

// A line as it is.
enum class Stream { output, error };
void printLine(Stream stream, const std::string& text);

// Waits until all lines are written, but for at most so long.
void flushLog(std::chrono::milliseconds patience = std::chrono::milliseconds(200));

}  // namespace h5cap
