#include "experiments/data_source.hpp"

#include <algorithm>

#include "base/resource_path.hpp"
#include "base/sha256.hpp"

namespace dynexec {

std::string DataSource::id(const std::string& name) const {
  std::string all;
  for (const std::string& hash : hashes) all += hash;
  return name + "-" + sha256_hex(all).substr(0, 8);
}

DataSource identify(const std::vector<std::string>& files, const std::string& role,
                    std::vector<Provenance>& provenance) {
  DataSource source;
  for (const std::string& file : files) {
    source.hashes.push_back(sha256_file(resolve_path(file).string()));
    provenance.push_back({.role = role, .path = file, .sha256 = source.hashes.back(), .parameters = 0});
  }
  return source;
}

std::int64_t calibration_start(const Node& calibration, const std::string& key, const DataSource& measured,
                               const DataSource& own, std::int64_t first, std::int64_t samples, std::int64_t wanted) {
  const bool same = measured.hashes == own.hashes;
  const std::int64_t start = calibration.get_int("first", same ? first + samples : 0, 0, 1LL << 40);
  if (same) {
    if (start < first + samples && first < start + wanted)
      calibration.at(calibration.has("first") ? "first" : key)
          .fail("calibrates on samples that are measured", "begin behind them, or leave `first` out");
    return start;
  }
  const auto shared =
      std::find_first_of(own.hashes.begin(), own.hashes.end(), measured.hashes.begin(), measured.hashes.end());
  if (shared != own.hashes.end())
    calibration.at(key).fail("names a file that is measured", "name files that the task does not");
  return start;
}

}  // namespace dynexec
