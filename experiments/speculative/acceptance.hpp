// The exact acceptance and residual rule of speculative sampling.
#pragma once

#include <cstdint>
#include <span>

namespace dynexec::speculative {

// Whether draft token `token` is kept: uniform <= p(token) / q(token) (Leviathan et al., arXiv 2211.17192, Alg. 1).
// p, q: warped target and draft probabilities [vocab]; q empty means a deterministic drafter (one-hot at token).
bool accepts(std::span<const float> p, std::span<const float> q, std::int32_t token, double uniform);

// Turns p into norm(max(0, p - q)) in place, the distribution of the token after a rejection. When p and q agree up to
// rounding nothing is left over; p then stays as it is.
void to_residual(std::span<float> p, std::span<const float> q, std::int32_t token);

}  // namespace dynexec::speculative
