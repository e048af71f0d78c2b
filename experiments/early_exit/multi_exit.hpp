// A network that may be left at several depths, whatever its family.
#pragma once

#include <any>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "measure/contract.hpp"
#include "measure/hardware/cim.hpp"
#include "models/exit_heads.hpp"

namespace dynexec::early_exit {

class MultiExit {
 public:
  virtual ~MultiExit() = default;
  virtual std::size_t exits() const = 0;  // the network's own head at the end not counted
  virtual std::size_t classes() const = 0;
  virtual double memory_bytes() const = 0;
  // The part of it that another() does not share.
  virtual double row_bytes() const { return 0; }

  virtual void start(const std::any& input) = 0;
  // Runs the layers up to an exit, exits() for all, without any head. Exits are asked for in ascending order.
  virtual void run_layers_to(std::size_t exit) = 0;
  // The same where it has not been done, and the exit's head (exits(): the network's own): logits [classes], valid
  // until the next call. Error(model) when they are not finite.
  virtual std::span<const float> logits(std::size_t exit) = 0;
  // What has run since start(), counted by the code that ran; `tokens` is 1.
  virtual const Cost& cost() const = 0;

  // The matrices of the layers up to an exit from the one before, for a model of analogue arrays; empty: not told.
  virtual std::vector<MatrixShape> matrices(std::size_t exit) const {
    (void)exit;
    return {};
  }

  // Another one over the same weights and heads, for another row of a batch. Error(config) where there are no batches.
  virtual std::unique_ptr<MultiExit> another() const;
  // run_layers_to(exit) of several rows that have run equally far, this one the first; weights are counted once, an
  // equal share a row. By default one row after the other, up to each exit in turn.
  virtual void run_layers_together(std::span<MultiExit* const> rows, std::size_t exit);
};

class MultiExitCnn : public MultiExit {
 public:
  MultiExitCnn(std::shared_ptr<const Cnn> network, std::shared_ptr<const std::vector<ExitPoint>> exits);

  std::size_t exits() const override { return exits_->size(); }
  std::size_t classes() const override { return static_cast<std::size_t>(network_->config().classes); }
  double memory_bytes() const override;
  double row_bytes() const override {
    return session_.memory_bytes() + static_cast<double>(logits_.size() * sizeof(float));
  }
  void start(const std::any& input) override;
  void run_layers_to(std::size_t exit) override;
  std::span<const float> logits(std::size_t exit) override;
  const Cost& cost() const override { return cost_; }
  std::vector<MatrixShape> matrices(std::size_t exit) const override;
  std::unique_ptr<MultiExit> another() const override;
  void run_layers_together(std::span<MultiExit* const> rows, std::size_t exit) override;

 private:
  std::size_t unit_of(std::size_t exit) const;
  void count_layers_to(std::size_t exit, double weight_share);

  std::shared_ptr<const Cnn> network_;
  CnnSession session_;
  std::shared_ptr<const std::vector<ExitPoint>> exits_;  // rows share the heads: they are asked one after the other
  std::vector<float> logits_;
  std::vector<CnnSession*> sessions_;
  Cost cost_;
};

}  // namespace dynexec::early_exit
