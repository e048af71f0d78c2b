// A hardware profile of round numbers, so that its times and energies can be worked out by hand.
#pragma once

#include <memory>
#include <string>

#include "measure/hardware/profile.hpp"

namespace dynexec_test {

inline std::string figure(const std::string& key, const std::string& value) {
  return key + ": {value: " + value + ", source: test}";
}

// 10^9 multiply-accumulates per second at half of the peak; 1,000 bytes of cache at 4 GB/s and 1 pJ/B, memory at 1 GB/s
// and 100 pJ/B; 1 nF of capacitance and 1 W or `static_w` of static power; 500 MHz at 0.5 V, 1000 MHz at 1 V.
inline std::string toy_yaml(const std::string& static_w = "1", const std::string& more = "") {
  return "name: toy\nsource: test\n" + figure("node_nm", "14") + "\n" + figure("vdd", "1") + "\ndtypes:\n  fp32: {" +
         figure("bits", "32") + ", " + figure("mac_pJ", "2") + ", " + figure("peak_ops", "2e9") + ", " +
         figure("utilisation", "0.5") + "}\nmemory:\n  - {name: cache, " + figure("bytes", "1000") + ", " +
         figure("read_pJ_B", "1") + ", " + figure("write_pJ_B", "1") + ", " + figure("GB_s", "4") +
         "}\n  - {name: memory, " + figure("bytes", "1e9") + ", " + figure("read_pJ_B", "100") + ", " +
         figure("write_pJ_B", "100") + ", " + figure("GB_s", "1") + "}\n" + figure("static_W", static_w) + "\n" + more;
}

inline std::string toy_points(const std::string& mhz = "[500, 1000]", const std::string& volts = "[0.5, 1.0]",
                              const std::string& switch_us = "10") {
  return "operating_points:\n  levels: {MHz: " + mhz + ", source: test}\n  voltage: {volts: " + volts +
         ", source: test}\n  " + figure("c_eff_nF", "1") + "\n  " + figure("switch_us", switch_us) + "\n  " +
         figure("switch_uJ", "5") + "\n";
}

// 4 x 4 cells of 2 bits; weights of 4 bits; activations of 8 bits in two cycles; converters shared by two columns.
inline std::string toy_cim(const std::string& capacity = "1000") {
  return "cim:\n  device: {value: PCM, source: test}\n  " + figure("rows", "4") + "\n  " + figure("cols", "4") +
         "\n  " + figure("weight_bits", "4") + "\n  " + figure("cell_bits", "2") + "\n  " +
         figure("activation_bits", "8") + "\n  " + figure("dac_bits", "4") + "\n  " + figure("phases", "1") + "\n  " +
         figure("cycle_ns", "10") + "\n  " + figure("adc_bits", "8") + "\n  " + figure("adc_ref_bits", "6") + "\n  " +
         figure("adc_pJ", "1") + "\n  " + figure("adc_mux", "2") + "\n  " + figure("dac_pJ", "0.5") + "\n  " +
         figure("cell_read_fJ", "100") + "\n  " + figure("shift_add_pJ", "0.25") + "\n  " + figure("buffer_pJ_B", "2") +
         "\n  " + figure("write_nJ", "6") + "\n  " + figure("write_ns", "150") + "\n  " + figure("endurance", "1e7") +
         "\n  " + figure("capacity_cells", capacity) + "\n  " + figure("effective_bits", "3") + "\n  " +
         figure("sigma_prog", "0.03") + "\n";
}

inline std::shared_ptr<const dynexec::HardwareProfile> profile_of(const std::string& yaml) {
  return std::make_shared<const dynexec::HardwareProfile>(dynexec::HardwareProfile::parse(yaml, "toy.yaml"));
}

inline std::shared_ptr<const dynexec::HardwareProfile> shipped(const std::string& name) {
  return std::make_shared<const dynexec::HardwareProfile>(
      dynexec::HardwareProfile::load(std::string(DYNEXEC_SOURCE_DIR) + "/configs/hardware/" + name + ".yaml"));
}

inline constexpr const char* kShippedProfiles[] = {"jetson_tx2", "jetson_agx", "server_cpu", "analogue_cim"};

}  // namespace dynexec_test
