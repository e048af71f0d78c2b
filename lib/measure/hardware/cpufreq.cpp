#include "measure/hardware/cpufreq.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <system_error>

#include "base/descriptor.hpp"
#include "base/error.hpp"
#include "base/io_error.hpp"

namespace dynexec {
namespace {

namespace fs = std::filesystem;

constexpr int kStepsWithoutTable = 8;

std::string read_text(const fs::path& path) {
  std::ifstream file(path);
  std::string text, word;
  while (file >> word) text += (text.empty() ? "" : " ") + word;
  return text;
}

// 0 when there is no number.
long read_khz(const fs::path& path) {
  const std::string text = read_text(path);
  char* end = nullptr;
  errno = 0;
  const long value = std::strtol(text.c_str(), &end, 10);
  return errno == 0 && end != text.c_str() && value > 0 ? value : 0;
}

// 0, or errno.
int try_write(const fs::path& path, const std::string& text) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
  if (file.get() < 0) return errno;
  return write_all(file.get(), text) == text.size() ? 0 : errno;
}

void write_or_throw(const fs::path& path, const std::string& text) {
  if (const int code = try_write(path, text)) throw_io_error("cannot write", path.string(), code);
}

// Whether the value that stands there may be written again, which changes nothing.
bool takes_its_own(const fs::path& path) {
  const std::string text = read_text(path);
  return !text.empty() && try_write(path, text) == 0;
}

bool has_word(const std::string& text, const std::string& word) {
  std::istringstream words(text);
  for (std::string one; words >> one;)
    if (one == word) return true;
  return false;
}

[[noreturn]] void refuse(const std::string& what, const fs::path& where) {
  throw Error(ErrorKind::config, "the processor's frequency cannot be controlled: " + what, where.string(),
              "run with the rights to write it on a machine with cpufreq, or use control: model");
}

}  // namespace

// What stands in the table of levels may be in any order, repeated, or no number at all.
Cpufreq::Policy Cpufreq::read_policy(const fs::path& folder) {
  Policy policy{.folder = folder};
  policy.governor = read_text(folder / "scaling_governor");
  policy.speed = read_text(folder / "scaling_setspeed");
  policy.min_khz = read_khz(folder / "scaling_min_freq");
  policy.max_khz = read_khz(folder / "scaling_max_freq");
  if (policy.min_khz == 0 || policy.max_khz < policy.min_khz)
    refuse("its limits cannot be read", folder / (policy.min_khz == 0 ? "scaling_min_freq" : "scaling_max_freq"));
  std::istringstream table(read_text(folder / "scaling_available_frequencies"));
  for (std::string word; table >> word;) {
    char* end = nullptr;
    const long khz = std::strtol(word.c_str(), &end, 10);
    if (*end == '\0' && khz >= policy.min_khz && khz <= policy.max_khz) policy.khz.push_back(khz);
  }
  if (policy.khz.empty())
    for (int step = 0; step < kStepsWithoutTable; ++step)
      policy.khz.push_back(policy.min_khz + (policy.max_khz - policy.min_khz) * step / (kStepsWithoutTable - 1));
  std::sort(policy.khz.begin(), policy.khz.end());
  policy.khz.erase(std::unique(policy.khz.begin(), policy.khz.end()), policy.khz.end());
  return policy;
}

Cpufreq::Cpufreq(fs::path root) {
  std::error_code error;
  std::vector<fs::path> folders;
  for (fs::directory_iterator entry(root, error), end; !error && entry != end; entry.increment(error))
    if (entry->path().filename().string().rfind("policy", 0) == 0) folders.push_back(entry->path());
  if (folders.empty()) refuse("there is no policy folder", root);
  std::sort(folders.begin(), folders.end());
  for (const fs::path& folder : folders) policies_.push_back(read_policy(folder));
  for (const long khz : policies_.front().khz) mhz_.push_back(static_cast<double>(khz) * 1e-3);
  take_control();
}

void Cpufreq::take_control() {
  const bool userspace = std::all_of(policies_.begin(), policies_.end(), [](const Policy& policy) {
    return has_word(read_text(policy.folder / "scaling_available_governors"), "userspace") &&
           fs::exists(policy.folder / "scaling_setspeed") && takes_its_own(policy.folder / "scaling_governor");
  });
  if (!userspace)
    for (const Policy& policy : policies_)
      for (const char* name : {"scaling_min_freq", "scaling_max_freq"})
        if (!takes_its_own(policy.folder / name)) refuse("it cannot be written", policy.folder / name);
  method_ = userspace ? "userspace" : "limits";
  active_ = true;
  try {
    if (userspace)
      for (const Policy& policy : policies_) write_or_throw(policy.folder / "scaling_governor", "userspace");
    level_ = mhz_.size();
    set(mhz_.size() - 1);
  } catch (const Error& failure) {
    put_back();
    refuse(failure.message(), failure.where());
  }
}

Cpufreq::~Cpufreq() {
  put_back();
}

void Cpufreq::hold(Policy& policy, long khz) {
  if (khz == policy.held_khz) return;
  const std::string text = std::to_string(khz);
  if (method_ == "userspace") {
    write_or_throw(policy.folder / "scaling_setspeed", text);
  } else {
    // The kernel refuses a lower limit above the upper one, so the limit that moves away goes first.
    const bool up = khz > policy.held_khz && policy.held_khz > 0;
    write_or_throw(policy.folder / (up ? "scaling_max_freq" : "scaling_min_freq"), text);
    write_or_throw(policy.folder / (up ? "scaling_min_freq" : "scaling_max_freq"), text);
  }
  policy.held_khz = khz;
}

void Cpufreq::set(std::size_t level) {
  if (level == level_) return;
  level_ = mhz_.size();  // none: after a file has failed, the next call writes again
  const double share = mhz_[level] / mhz_.back();
  for (Policy& policy : policies_) {
    const double wanted = share * static_cast<double>(policy.khz.back());
    const auto found = std::find_if(policy.khz.begin(), policy.khz.end(),
                                    [&](long khz) { return static_cast<double>(khz) >= wanted - 0.5; });
    hold(policy, found == policy.khz.end() ? policy.khz.back() : *found);
  }
  level_ = level;
}

void Cpufreq::restore() {
  const std::string failed = put_back();
  if (!failed.empty())
    throw Error(ErrorKind::io, "the processor's frequency could not be put back", failed,
                "write the value yourself, or restart the machine");
}

// The first file that could not be written, or "".
std::string Cpufreq::put_back() noexcept {
  if (!active_) return "";
  active_ = false;
  std::string failed;
  const auto put = [&](const fs::path& path, const std::string& text) {
    if (!text.empty() && try_write(path, text) != 0 && failed.empty()) failed = path.string();
  };
  try {
    for (const Policy& policy : policies_) {
      if (method_ == "userspace") {
        if (policy.governor == "userspace") put(policy.folder / "scaling_setspeed", policy.speed);
        put(policy.folder / "scaling_governor", policy.governor);
      } else {
        // Upwards first: the lower limit must never pass the upper one.
        put(policy.folder / "scaling_max_freq", std::to_string(policy.max_khz));
        put(policy.folder / "scaling_min_freq", std::to_string(policy.min_khz));
      }
    }
  } catch (const std::exception&) {  // out of memory: nothing more can be done
    if (failed.empty()) return "cpufreq";
  }
  return failed;
}

}  // namespace dynexec
