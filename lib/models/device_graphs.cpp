#include "models/device_graphs.hpp"

// Graphs for every device are younger than the oldest LibTorch that this is built with.
#if __has_include(<ATen/accelerator/Graph.h>)

#include <ATen/accelerator/Graph.h>

#include <map>

namespace dynexec {

struct DeviceGraphs::State {
  void capture(std::unique_ptr<at::accelerator::Graph>& place, const std::function<void()>& pass) {
    auto graph = std::make_unique<at::accelerator::Graph>();
    graph->capture_begin(pool);
    try {
      pass();
    } catch (...) {
      // Otherwise the queue would stay in its capture. That nothing usable was captured is no news then.
      try {
        graph->capture_end();
      } catch (const std::exception&) {
      }
      throw;
    }
    graph->capture_end();
    pool = graph->pool();
    place = std::move(graph);
  }

  // Memory of all graphs, which never run at the same time; zeros: the first capture makes it.
  at::MempoolId_t pool{0, 0};
  std::map<Shape, std::unique_ptr<at::accelerator::Graph>> graphs;  // null: seen once
};

DeviceGraphs::DeviceGraphs(const DeviceQueue& queue) {
  if (queue.asynchronous() && at::has_graph_impl(queue.device().type())) state_ = std::make_unique<State>();
}

void DeviceGraphs::run(const Shape& shape, const std::function<void()>& pass) {
  if (!state_) return pass();
  const auto place = state_->graphs.try_emplace(shape);
  if (place.second) return pass();
  std::unique_ptr<at::accelerator::Graph>& graph = place.first->second;
  if (!graph) state_->capture(graph, pass);
  graph->replay();
}

}  // namespace dynexec

#else

namespace dynexec {

struct DeviceGraphs::State {};

DeviceGraphs::DeviceGraphs(const DeviceQueue&) {}

void DeviceGraphs::run(const Shape&, const std::function<void()>& pass) {
  pass();
}

}  // namespace dynexec

#endif

namespace dynexec {

DeviceGraphs::~DeviceGraphs() = default;

}  // namespace dynexec
