// Data files that tasks read: what identifies them, and that no sample is both measured and learnt from.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/node.hpp"
#include "measure/contract.hpp"

namespace dynexec {

struct DataSource {
  std::vector<std::string> hashes;  // SHA-256 of the files
  // "name-" and eight hex digits of the content: what the ids of its samples begin with.
  std::string id(const std::string& name) const;
};

// Adds the files to what the experiment was made from. Error(io) for one that cannot be read.
DataSource identify(const std::vector<std::string>& files, const std::string& role,
                    std::vector<Provenance>& provenance);

// Where the calibration samples begin in files of their own (`calibration.first`): by default behind the measured ones
// when the files are the same. Error(config) where the two ranges overlap, or where one file of several is on both
// sides.
std::int64_t calibration_start(const Node& calibration, const std::string& key, const DataSource& measured,
                               const DataSource& own, std::int64_t first, std::int64_t samples, std::int64_t wanted);

}  // namespace dynexec
