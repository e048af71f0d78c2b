// Ctrl-C and SIGTERM end a run at the next safe point instead of in the middle of a row.
#pragma once

namespace dynexec {

// From now on the first SIGINT or SIGTERM only sets a flag; the second one kills the process as usual. A
// signal that was ignored at the start (nohup) stays ignored.
void install_interrupt_handler();

// Whether a signal has arrived.
bool interrupted();

// Throws Error(interrupted) when a signal has arrived. To be called between rows, steps and chunks.
void throw_if_interrupted();

// Forgets a signal that has arrived and arms the handler again.
void reset_interrupt();

}  // namespace dynexec
