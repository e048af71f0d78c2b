// Fréchet distance between two sets of feature vectors, each taken for a normal distribution (Dowson and Landau 1982;
// for images Heusel et al. 2017).
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace dynexec {

// Somebody else's vectors, [samples, width].
struct Features {
  std::span<const float> values;
  std::size_t samples = 0, width = 0;
};

// Throws Error(data) unless there are 2 samples or more, the shape fits the values and all of them are finite.
void require_features(const Features& features, const std::string& name);

struct FeatureMoments {
  std::size_t samples = 0, width = 0;
  std::vector<double> mean;        // [width]
  std::vector<double> covariance;  // [width, width], divided by samples - 1
};

// Throws as require_features.
FeatureMoments feature_moments(const Features& features, const std::string& name = "features");

// Sum of the square roots of the eigenvalues (largest first) of a positive semi-definite matrix, of which at most
// `rank` are not zero: what rounding leaves in place of zeros is not counted.
double trace_of_root(std::span<const double> eigenvalues, std::size_t rank);

// One set, prepared to be compared with many.
class FrechetReference {
 public:
  // Throws Error(data) when the moments do not fit their width and samples.
  explicit FrechetReference(FeatureMoments moments);

  // |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2), never below 0. The last trace is that of the root of the
  // symmetric matrix S1^(1/2) S2 S1^(1/2), taken in the basis of S1's eigenvectors and without its null space; it is
  // defined for fewer samples than features, too. The distance falls with the sample count (its bias is of order 1 /
  // samples): compare only distances of equal counts. Throws Error(data) for another width.
  double distance(const FeatureMoments& other) const;

  const FeatureMoments& moments() const { return moments_; }
  std::size_t rank() const { return rank_; }
  double trace() const { return trace_; }
  // Its outer product F^T F is the covariance, [rank, width].
  const std::vector<double>& factor() const { return factor_; }

 private:
  FeatureMoments moments_;
  std::size_t rank_ = 0;
  double trace_ = 0;
  std::vector<double> factor_;
};

double frechet_distance(const Features& first, const Features& second);

}  // namespace dynexec
