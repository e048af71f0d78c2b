// Measured energy. Modelled figures never come from here.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

namespace dynexec {

class EnergyMeter {
 public:
  virtual ~EnergyMeter() = default;
  // "rapl:package-0+dram", or "unavailable".
  virtual std::string source() const = 0;
  // Why there is no measurement; "" when there is.
  virtual std::string reason() const = 0;
  // Joules since construction; kMissing when unavailable. Must be read more often than the counter wraps
  // (minutes).
  virtual double joules() = 0;
};

// provider: "auto" (RAPL where every package is readable, else none), "rapl" (Error(config) when it is not),
// "none". root: the powercap folder. Packages and their dram zones are added; core and uncore lie inside the
// package and psys contains it, so they are left out.
std::unique_ptr<EnergyMeter> make_energy_meter(const std::string& provider,
                                               const std::filesystem::path& root = "/sys/class/powercap");

}  // namespace dynexec
