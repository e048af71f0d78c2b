// The engine library (models, methods, LibTorch), opened only by the commands that need it.
#pragma once

#include <filesystem>

#include "cli/commands.hpp"

namespace dynexec::cli {

struct Engine {
  int (*bench)(const BenchArgs&);
  int (*compress)(const CompressArgs&);
  int (*generate)(const GenerateArgs&);
  int (*inspect)(const InspectArgs&);
  int (*doctor)(const DoctorArgs&);
  int (*train)(const TrainArgs&);
  int (*tune)(const TuneArgs&);
  int (*trace)(const TraceArgs&);
};

// The folder that holds configs/ and models/: the parent of the binary's folder, or the current folder.
std::filesystem::path resource_root();

// Opens the engine library beside the binary. Sets the OpenMP environment first: LibTorch's threads must not spin.
// Throws Error(io) with the loader's message when it cannot be opened.
const Engine& load_engine();

}  // namespace dynexec::cli

// The only symbol that the engine library exports by name.
extern "C" const dynexec::cli::Engine* dynexec_engine(const char* resource_root);
