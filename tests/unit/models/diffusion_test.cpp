#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/max.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>

#include "../base/temp_folder.hpp"
#include "base/error.hpp"
#include "tests/support/diffusion_fixture.hpp"

using namespace dynexec::diffusers;

namespace {

double difference(const at::Tensor& a, const at::Tensor& b) {
  return at::max(at::abs(a - b)).item<double>();
}

constexpr double kPlaces = 8 * 6;  // of the maps below

}  // namespace

TEST_CASE("the work of a U-Net is that of its convolutions, matrices and attention products") {
  PipelineFolder folder;
  folder.write();
  const auto unet = UNet::load(folder.path() / "unet");
  const TimeTable times = unet->times(std::vector<double>{999, 500, 0});
  const Prompt prompt = unet->prompt(at::randn({2, 5, 6}));
  Cost cost;
  const at::Tensor out = unet->forward(at::randn({2, 4, 8, 6}), times, 1, prompt, cost);
  CHECK(out.sizes().vec() == std::vector<std::int64_t>{2, 4, 8, 6});
  CHECK(out.is_contiguous());
  CHECK(at::isfinite(out).all().item<bool>());
  const double convs = 9 * (4 * 8 + 2 * 8 * 8 + 2 * (16 * 8 + 8 * 8) + 8 * 4) + 2 * 16 * 8;
  const double matrices = 2 * 8 * 8 + 6 * 8 * 8 + 64 * 8 + 8 * 32;
  const double products = 2 * 8 * kPlaces + 2 * 8 * 5;
  CHECK(cost.macs == 2 * kPlaces * (convs + matrices + products));
  CHECK(times.cost.macs == 3 * (8 * 32 + 32 * 32 + 3 * 32 * 8));
  CHECK(prompt.cost.macs == 2 * 5 * 2 * 6 * 8);
  // Every tensor is read once: by the evaluation, by the table or by the prompt.
  CHECK(cost.weight_bytes + times.cost.weight_bytes + prompt.cost.weight_bytes == 4 * unet->parameters());
}

TEST_CASE("an evaluation depends on its step, its prompt and its own row alone, and leaves its inputs") {
  PipelineFolder folder;
  folder.write();
  const auto unet = UNet::load(folder.path() / "unet");
  const TimeTable times = unet->times(std::vector<double>{10, 20}), other = unet->times(std::vector<double>{20});
  const at::Tensor states = at::randn({2, 5, 6}), sample = at::randn({2, 4, 8, 6}), before = sample.clone();
  const Prompt both = unet->prompt(states), second = unet->prompt(states.narrow(0, 1, 1));
  Cost cost;
  const at::Tensor at10 = unet->forward(sample, times, 0, both, cost);
  const at::Tensor at20 = unet->forward(sample, times, 1, both, cost);
  CHECK(at::equal(sample, before));
  CHECK(difference(at10, at20) > 1e-4);
  const at::Tensor alone = unet->forward(sample.narrow(0, 1, 1), other, 0, second, cost);
  CHECK(difference(alone, at20.narrow(0, 1, 1)) < 1e-5);
  CHECK(difference(unet->forward(sample.narrow(0, 1, 1), times, 1, both.part(1, 1), cost), alone) < 1e-5);
  const at::Tensor changed = unet->forward(sample, times, 1, unet->prompt(states * 3), cost);
  CHECK(difference(changed, at20) > 1e-4);
}

TEST_CASE("deep features are kept in one evaluation and reused in another") {
  PipelineFolder folder;
  folder.write();
  const auto unet = UNet::load(folder.path() / "unet");
  const TimeTable times = unet->times(std::vector<double>{999, 500});
  const Prompt prompt = unet->prompt(at::randn({2, 5, 6}));
  const at::Tensor sample = at::randn({2, 4, 8, 6}), other = at::randn({2, 4, 8, 6});
  REQUIRE(unet->weights().skip_connections() == 2);
  Cost whole, reused;
  const at::Tensor wanted = unet->forward(sample, times, 0, prompt, whole);
  for (const std::size_t branch : {0u, 1u}) {
    CAPTURE(branch);
    DeepFeatures kept{.branch = branch};
    Cost keeping;
    CHECK(at::equal(unet->forward_keeping(sample, times, 0, prompt, kept, keeping), wanted));
    CHECK(keeping.macs == whole.macs);
    // Of the same sample, what is reused is what would have been computed.
    reused = {};
    CHECK(at::equal(unet->forward_reusing(sample, times, 0, prompt, kept, reused), wanted));
    const at::Tensor near = unet->forward_reusing(other, times, 1, prompt, kept, reused);
    CHECK(difference(near, unet->forward(other, times, 1, prompt, keeping)) > (branch == 0 ? 1e-4 : -1));
    if (branch == 0) CHECK(reused.macs / 2 == 2 * kPlaces * (9 * (4 * 8 + 16 * 8 + 8 * 8 + 8 * 4) + 16 * 8));
  }
  // Without a middle, branch 1 leaves nothing out.
  CHECK(reused.macs == 2 * whole.macs);
  DeepFeatures none{.branch = 2};
  CHECK_THROWS_AS(unet->forward_keeping(sample, times, 0, prompt, none, whole), dynexec::Error);
  none.branch = 0;
  CHECK_THROWS_AS(unet->forward_reusing(sample, times, 0, prompt, none, whole), dynexec::Error);
}

TEST_CASE("the published configurations of Stable Diffusion") {
  nlohmann::json config = nlohmann::json::parse(R"({"_class_name": "UNet2DConditionModel", "act_fn": "silu",
      "attention_head_dim": 8, "block_out_channels": [320, 640, 1280, 1280], "center_input_sample": false,
      "cross_attention_dim": 768, "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D",
      "CrossAttnDownBlock2D", "DownBlock2D"], "downsample_padding": 1, "flip_sin_to_cos": true, "freq_shift": 0,
      "in_channels": 4, "layers_per_block": 2, "mid_block_scale_factor": 1, "norm_eps": 1e-05, "norm_num_groups": 32,
      "out_channels": 4, "sample_size": 64, "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D",
      "CrossAttnUpBlock2D"]})");
  const UNetConfig first = parse_unet_config(config, "config.json");
  REQUIRE(first.levels.size() == 4);
  CHECK(first.levels[3].channels == 1280);
  CHECK(first.levels[2].heads == 8);
  CHECK((first.levels[2].down_cross && first.levels[2].up_cross));
  CHECK((!first.levels[3].down_cross && !first.levels[3].up_cross));
  CHECK(first.context == 768);
  CHECK(first.time_width == 1280);
  CHECK(first.sample_size == 64);
  CHECK(!first.linear_projection);
  config.update({{"attention_head_dim", {5, 10, 20, 20}},
                 {"cross_attention_dim", 1024},
                 {"sample_size", 96},
                 {"use_linear_projection", true},
                 {"upcast_attention", true},
                 {"dual_cross_attention", false},
                 {"only_cross_attention", false},
                 {"num_class_embeds", nullptr}});
  const UNetConfig second = parse_unet_config(config, "config.json");
  CHECK(second.levels[0].heads == 5);
  CHECK(second.levels[3].heads == 20);
  CHECK(second.context == 1024);
  CHECK(second.linear_projection);
  // The defaults are those of the first.
  const UNetConfig bare = parse_unet_config({{"cross_attention_dim", 768}}, "config.json");
  CHECK(bare.levels.size() == 4);
  CHECK(bare.levels[1].channels == 640);
  CHECK((bare.levels[0].down_cross && bare.levels[0].up_cross && !bare.levels[3].up_cross));
}

TEST_CASE("gradients reach every tensor of a U-Net") {
  // Takes parameters instead of reading a checkpoint.
  struct Fresh : TensorSource {
    std::vector<at::Tensor> made;
    bool has(const std::string&) const override { return false; }
    at::Tensor take(const std::string&, const std::vector<std::int64_t>& shape) override {
      made.push_back((at::randn(shape) * 0.2).requires_grad_(true));
      return made.back();
    }
  } source;
  const PipelineFolder folder;
  const UNetWeights weights = take_unet(parse_unet_config(folder.unet.config, "config.json"), source);
  Cost cost;
  const auto shifts = time_shifts(weights, at::tensor(std::vector<float>{3, 700}), cost);
  const auto keys = unet_keys(weights, at::randn({2, 5, 6}), cost);
  const at::Tensor out = unet_forward(weights, at::randn({2, 4, 4, 4}), shifts, keys, cost);
  (out * out).sum().backward();
  for (const at::Tensor& tensor : source.made) {
    REQUIRE(tensor.grad().defined());
    CHECK(at::max(at::abs(tensor.grad())).item<double>() > 0);
  }
}

TEST_CASE("the work of image decoder and text encoder") {
  PipelineFolder folder;
  const Pipeline pipeline = load_pipeline(folder.write());
  Cost cost;
  const at::Tensor image = pipeline.decoder->decode(at::randn({1, 4, 8, 6}), cost);
  CHECK(image.sizes().vec() == std::vector<std::int64_t>{1, 3, 16, 12});
  CHECK(pipeline.decoder->config().enlargement() == 2);
  const double coarse = 4 * 4 + 9 * (4 * 16 + 8 * 16 * 16) + 4 * 16 * 16 + 2 * 16 * kPlaces;
  const double fine = 9 * (16 * 16 + 16 * 8 + 3 * 8 * 8 + 8 * 3) + 16 * 8;
  CHECK(cost.macs == kPlaces * (coarse + 4 * fine));
  CHECK(cost.weight_bytes == 4 * pipeline.decoder->parameters());

  cost = {};
  const std::vector<std::vector<std::int32_t>> texts{{1, 2, 3, 4}, {1, 2, 3, 19}};
  const at::Tensor states = pipeline.text->encode(texts, cost);
  CHECK(states.sizes().vec() == std::vector<std::int64_t>{2, 4, 6});
  CHECK(cost.macs == 2 * 4 * (4 * 6 * 6 + 2 * 6 * 12 + 2 * 6 * 4));
  // What comes later does not change what came before.
  CHECK(at::equal(states[0].narrow(0, 0, 3), states[1].narrow(0, 0, 3)));
  CHECK(difference(states[0][3], states[1][3]) > 1e-4);
  const double layer = cost.macs;
  pipeline.text->encode(texts, cost, 1);
  CHECK(cost.macs == layer);
  CHECK(pipeline.parameters() ==
        pipeline.unet->parameters() + pipeline.decoder->parameters() + pipeline.text->parameters());
}

TEST_CASE("a pipeline without text or decoder, and its scheduler") {
  PipelineFolder folder;
  folder.index["_class_name"] = "LatentPipeline";
  folder.index.erase("vae");
  std::filesystem::create_directories(folder.write() / "scheduler");
  const Pipeline pipeline = load_pipeline(folder.path());
  CHECK(pipeline.decoder == nullptr);
  CHECK(pipeline.text != nullptr);
  const dynexec::Error missing =
      dynexec_test::error_of<dynexec::Error>([&] { read_pipeline_scheduler(folder.path()); });
  CHECK(missing.message().find("scheduler_config.json) is missing") != std::string::npos);
  CHECK(missing.where() == folder.path());
  std::ofstream(folder.path() / "scheduler" / "scheduler_config.json") << R"({"beta_start": 0.01})";
  CHECK(read_pipeline_scheduler(folder.path()).at("beta_start") == 0.01);
}
