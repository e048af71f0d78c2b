#include "experiments/diffusion/quantised_model.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <tuple>

#include "base/interrupt.hpp"
#include "experiments/diffusion/picture_task.hpp"

namespace dynexec::diffusion {

CalibrationDrawing calibration_drawing(std::shared_ptr<const Task> calibration, std::vector<PathOptions> paths,
                                       const Quantisation& quantisation, std::function<void()> drawn) {
  return [calibration = std::move(calibration), paths = std::move(paths), quantisation,
          drawn = std::move(drawn)](const PictureModel& model) {
    const std::size_t count = std::min(calibration->size(), static_cast<std::size_t>(quantisation.samples));
    std::set<std::tuple<SamplerKind, std::vector<double>, double, std::string>> done;
    for (const PathOptions& path : paths) {
      if (!path.weights) continue;
      const auto sampler = make_sampler(path.sampler_of(quantisation.steps));
      const DrawOptions options{.guidance = path.draw.guidance, .negative = path.draw.negative};
      if (!done.emplace(path.sampler.kind, sampler->timesteps(), options.guidance, options.negative).second) continue;
      for (std::size_t i = 0; i < count; ++i) {
        const DrawInput input = draw_input(calibration->sample(i), {0, i, 0});
        throw_if_interrupted();
        (void)draw(model, *sampler, {&input, 1}, options);
        if (drawn) drawn();
      }
    }
  };
}

}  // namespace dynexec::diffusion
