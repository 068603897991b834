// The folder of a user's default socket: whoever can put a socket there serves that user what he likes.
#pragma once

#include <optional>
#include <string>

namespace h5cap {

// Why a folder is not this user's alone: it is none, or a link, or another user's, or others have access to it.
// Nothing when it is, and when there is nothing at all.
std::optional<std::string> whyNotPrivate(const std::string& folder);

}  // namespace h5cap
