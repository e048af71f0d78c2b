// Is the mean quality drop of a path below a margin? P-values for Learn-then-Test (Angelopoulos, Bates, Candes, Jordan
// and Lei 2021), whose guarantee needs nothing but P(p <= u) <= u for all u whenever the drop is not below the margin.
//
// A drop is the baseline's quality minus the path's on one sample, in [-1, 1] for a metric in [0, 1]. Three tests:
//
// exact               for 0/1 metrics. What a path loses and gains on samples is trinomial; the score statistic with
//                     the restricted estimate of the gain (Tango 1998) orders outcomes, and p is the largest
//                     probability, over every share of gains, of an outcome at least as good as the one seen. It knows
//                     that gains make up for losses, and pays neither the constant e of Bentkus nor Markov's price.
// hoeffding_bentkus   for the risk max(0, drop) in [0, 1], whose mean is at least that of the drop: any metric in
//                     [0, 1], but gains count for nothing. For 0/1 risks Bentkus's constant e is not needed.
// betting             for drops in [-1, 1] of any metric, gains counted: the mean over fixed stakes s of
//                     prod(1 + s (margin - drop)) has a mean of at most 1 where the drop is not below the margin, so
//                     its inverse is a p-value (Markov; Waudby-Smith and Ramdas 2024). It adapts to small variances.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace dynexec {

enum class QualityTest { automatic, exact, hoeffding_bentkus, betting };
const std::vector<std::string>& quality_test_names();  // "auto", "exact", "hoeffding_bentkus", "betting"

// exact where the metric is 0/1 on all samples of both sides, else betting.
QualityTest choose_quality_test(std::span<const double> baseline, std::span<const double> path);

// Samples of a 0/1 metric: won by the baseline alone, by the path alone, and all.
struct DropCounts {
  std::int64_t lost = 0, gained = 0, samples = 0;
};

// p of "the mean drop is at least margin", 0 < margin < 1. 1 without samples.
double exact_drop_p(const DropCounts& counts, double margin);
// risk: mean of losses in [0, 1] over n samples. binary: every loss is 0 or 1.
double hoeffding_bentkus_p(double risk, std::int64_t n, double margin, bool binary);
// drops in [-1, 1].
double betting_drop_p(std::span<const double> drops, double margin);

// The p-value of paired qualities in [0, 1] by the given test; automatic chooses.
double quality_drop_p(std::span<const double> baseline, std::span<const double> path, double margin, QualityTest test);

// Samples with which a path that never loses anything would pass at significance `level`: fewer can show nothing.
std::int64_t samples_to_pass(double margin, double level, QualityTest test);

}  // namespace dynexec
