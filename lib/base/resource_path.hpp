// Where a path of a config or the command line points to.
#pragma once

#include <filesystem>
#include <string>

namespace dynexec {

// The folder that shipped configs and models lie under, for calls from elsewhere. Set once at start.
void set_resource_root(const std::filesystem::path& root);

// "${DYNEXEC_DATA}/x" becomes x under the folder that the environment variable DYNEXEC_DATA names (default: data).
// A relative path that does not exist under the current folder but does under the resource root is taken from there;
// everything else stays as it is.
std::filesystem::path resolve_path(const std::string& path);

}  // namespace dynexec
