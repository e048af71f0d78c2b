// What every command that writes a changed model folder does with the rest of it.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "weights/model_folder.hpp"

namespace dynexec {

// Makes the folder `to`. Error(config) where it is `from`, Error(io) where it cannot be written to.
void begin_folder(const std::filesystem::path& from, const std::filesystem::path& to);
// Copies the files that lie directly in `from` and whose names are wanted. Error(io).
void copy_files(const std::filesystem::path& from, const std::filesystem::path& to,
                const std::function<bool(const std::string& name)>& wanted);
// Whether a file of a model folder stays true where its weights are others: JSON but for config.json and indices of
// weights.
bool stays_with_weights(const std::string& name);

// Writes the tensors of `from` and `added` to a file, those of one name (as stored) as in `added`. Returns the file's
// bytes. Error(model), Error(io).
double write_changed_tensors(const ModelFolder& from, const std::filesystem::path& file,
                             const std::map<std::string, TensorView>& added);
// Bytes of all tensors.
double tensor_bytes(const ModelFolder& folder);

}  // namespace dynexec
