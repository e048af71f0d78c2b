// What goes into the matrices of a layer while texts run through the network. Private to the compress room.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "compress/input_moments.hpp"
#include "compress/layered_network.hpp"

namespace dynexec {

class Calibration {
 public:
  // exact: the network with its own weights runs beside. Network and texts, token ids, must outlive it.
  Calibration(const LayeredNetwork& network, const std::vector<std::vector<std::int32_t>>& texts, bool exact);

  // Runs the texts up to `layer` with the matrices that `stored` gives and sums the inputs of those that are
  // `observed`, by name. Error(data) for texts that the network does not take.
  std::map<std::string, InputMoments> run(const StoredSource& stored, const std::set<std::string>& observed,
                                          std::int64_t layer);

 private:
  using Inputs = std::map<std::string, std::vector<at::Tensor>>;  // of one text, a tensor a pass
  InputObserver into(Inputs& inputs);

  const LayeredNetwork& network_;
  const std::vector<std::vector<std::int32_t>>& texts_;
  std::int64_t longest_ = 1;
  std::set<std::string> observed_;
  Inputs exact_inputs_;
  std::unique_ptr<LayeredRun> exact_;  // null: does not run
};

}  // namespace dynexec
