#include <algorithm>
#include <cmath>
#include <vector>

#include "measure/statistics.hpp"

namespace dynexec {
namespace {

// Beyond this size of the larger sample the normal approximation is used also when the smaller one is small:
// counting arrangements takes time cubic in it, and the two agree there to three digits.
constexpr std::size_t kExactLimit = 500;

// P(U >= u) when all arrangements of `few` among few + many distinct values are equally likely. Counts
// subsets of ranks by their rank sum, one rank at a time.
double exact_tail(std::size_t few, std::size_t many, std::size_t u) {
  const std::size_t most = few * many;
  std::vector<std::vector<double>> ways(few + 1, std::vector<double>(most + 1, 0.0));
  ways[0][0] = 1;
  for (std::size_t rank = 0; rank < few + many; ++rank) {
    // As the (chosen + 1)-th smallest of the subset, this rank lies above rank - chosen values of the other
    // sample.
    for (std::size_t chosen = std::min(rank, few - 1) + 1; chosen-- > 0;) {
      const std::size_t above = rank - chosen;
      if (above > many) continue;
      for (std::size_t sum = above; sum <= most; ++sum) ways[chosen + 1][sum] += ways[chosen][sum - above];
    }
  }
  double tail = 0, all = 0;
  for (std::size_t sum = 0; sum <= most; ++sum) {
    all += ways[few][sum];
    if (sum >= u) tail += ways[few][sum];
  }
  return tail / all;
}

}  // namespace

MannWhitney mann_whitney(std::span<const double> first, std::span<const double> second) {
  MannWhitney result;
  if (first.empty() || second.empty()) return result;
  struct Item {
    double value;
    bool first;
  };
  std::vector<Item> items;
  for (const double value : first) items.push_back({value, true});
  for (const double value : second) items.push_back({value, false});
  std::sort(items.begin(), items.end(), [](const Item& a, const Item& b) { return a.value < b.value; });

  double rank_sum = 0, tie_term = 0;
  for (std::size_t begin = 0; begin < items.size();) {
    std::size_t end = begin, of_first = 0;
    for (; end < items.size() && items[end].value == items[begin].value; ++end) of_first += items[end].first;
    const double ties = static_cast<double>(end - begin);
    rank_sum += static_cast<double>(of_first) * (static_cast<double>(begin + end + 1) / 2);
    tie_term += ties * ties * ties - ties;
    begin = end;
  }
  const double n1 = static_cast<double>(first.size()), n2 = static_cast<double>(second.size());
  result.u = rank_sum - n1 * (n1 + 1) / 2;
  const double larger = std::max(result.u, n1 * n2 - result.u);
  const std::size_t few = std::min(first.size(), second.size()), many = std::max(first.size(), second.size());
  if (few <= 8 && many <= kExactLimit && tie_term == 0) {
    result.exact = true;
    result.p = std::min(1.0, 2 * exact_tail(few, many, static_cast<std::size_t>(larger)));
    return result;
  }
  const double n = n1 + n2;
  const double variance = n1 * n2 / 12 * ((n + 1) - tie_term / (n * (n - 1)));
  if (variance <= 0) {
    result.p = 1;
    return result;
  }
  const double z = (larger - n1 * n2 / 2 - 0.5) / std::sqrt(variance);
  result.p = std::min(1.0, std::erfc(z / std::sqrt(2.0)));
  return result;
}

}  // namespace dynexec
