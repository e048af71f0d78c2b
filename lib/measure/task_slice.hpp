// A part of a task as a task of its own.
#pragma once

#include <cstddef>
#include <memory>

#include "measure/contract.hpp"

namespace dynexec {

// Samples [first, first + count) of a task, counted from 0 again; first + count <= task->size().
std::shared_ptr<const Task> slice_task(std::shared_ptr<const Task> task, std::size_t first, std::size_t count);

}  // namespace dynexec
