"""Holds the samplers against diffusers' schedulers on a closed-form network: timesteps, results, replayed noise.

Usage: diffusion_samplers.py --build BUILD   (BUILD/tests/probe_diffusion_sampler)
Ends with "N passed, N failed"; the exit status is non-zero on failure.
"""

import argparse
import itertools
import subprocess
import sys
from pathlib import Path

import diffusers
import numpy as np
import torch

TOLERANCE = 1e-4  # of the largest magnitude in a result, at least 1
CLASSES = {"ddim": diffusers.DDIMScheduler, "euler": diffusers.EulerDiscreteScheduler,
           "euler_ancestral": diffusers.EulerAncestralDiscreteScheduler, "heun": diffusers.HeunDiscreteScheduler,
           "dpm2": diffusers.KDPM2DiscreteScheduler, "dpmpp_2m": diffusers.DPMSolverMultistepScheduler,
           "unipc": diffusers.UniPCMultistepScheduler}
BETAS = {"linear": "linear", "scaled_linear": "scaled_linear", "cosine": "squaredcos_cap_v2"}
PREDICTIONS = {"epsilon": "epsilon", "v": "v_prediction", "sample": "sample"}


def network(x, t):
    x = x.double()
    return 0.8 * torch.sin(1.3 * x + float(t) / 300) + 0.1 * x


class Replayed:
    """Stands in for torch.randn: gives out what the other side will be given."""

    def __init__(self, noise):
        self.noise = list(noise)

    def __call__(self, shape, **_):
        return torch.tensor(self.noise.pop(0)).reshape(shape)


def reference(case, starts, noise):
    settings = {"num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": BETAS[case["betas"]],
                "prediction_type": PREDICTIONS[case["prediction"]], "timestep_spacing": case["spacing"],
                "steps_offset": case["offset"]}
    if case["sampler"] == "ddim":
        settings.update(set_alpha_to_one=bool(case["final_alpha_one"]), clip_sample=case["clip"] > 0,
                        clip_sample_range=case["clip"] or 1.0, thresholding=case["quantile"] > 0,
                        dynamic_thresholding_ratio=case["quantile"] or 0.995, sample_max_value=case["highest"])
    elif case["sampler"] in ("dpmpp_2m", "unipc"):
        settings.update(thresholding=case["quantile"] > 0, dynamic_thresholding_ratio=case["quantile"] or 0.995,
                        sample_max_value=case["highest"])
    if case["karras"]:
        settings["use_karras_sigmas"] = True
    scheduler = CLASSES[case["sampler"]](**settings)
    scheduler.set_timesteps(case["steps"])
    # At the noise levels of cosine schedules the reference's own single precision is off by up to a hundredth.
    for name in ("sigmas", "sigmas_interpol"):
        if hasattr(scheduler, name):
            setattr(scheduler, name, getattr(scheduler, name).double())
    extra = {"eta": case["eta"]} if case["sampler"] == "ddim" else {}
    module = sys.modules[type(scheduler).__module__]
    if hasattr(module, "randn_tensor"):
        module.randn_tensor = Replayed(noise)
    latents = torch.tensor(starts).double()[None, None, None] * scheduler.init_noise_sigma
    for t in scheduler.timesteps:
        output = network(scheduler.scale_model_input(latents, t), t)
        latents = scheduler.step(output, t, latents, **extra).prev_sample
    return scheduler.timesteps.double().numpy(), latents.reshape(-1).numpy()


def cases():
    plain = {"prediction": "epsilon", "betas": "scaled_linear", "offset": 1, "eta": 0, "final_alpha_one": 0, "clip": 0,
             "quantile": 0, "highest": 1}
    spacings, counts = ("leading", "trailing", "linspace"), (5, 10, 25, 50)
    for sampler, spacing, karras, steps in itertools.product(CLASSES, spacings, (0, 1), counts):
        if not (karras and sampler in ("ddim", "euler_ancestral")):
            yield {**plain, "sampler": sampler, "spacing": spacing, "karras": karras, "steps": steps}
    for sampler, betas, prediction, offset in itertools.product(CLASSES, BETAS, PREDICTIONS, (0, 1)):
        # The reference has no clean-image prediction in its samplers of second order, nor in Euler ancestral.
        if not (prediction == "sample" and sampler in ("heun", "dpm2", "euler_ancestral")):
            yield {**plain, "sampler": sampler, "spacing": "trailing" if betas == "cosine" else "leading", "karras": 0,
                   "steps": 12, "betas": betas, "prediction": prediction, "offset": offset}
    for steps, eta, one, clip in itertools.product((7, 20), (0, 0.5, 1), (0, 1), (0, 1.0)):
        yield {**plain, "sampler": "ddim", "spacing": "leading", "karras": 0, "steps": steps, "eta": eta, "final_alpha_one": one,
               "clip": clip}
    for sampler, quantile in itertools.product(("ddim", "dpmpp_2m", "unipc"), (0.5, 0.995)):
        yield {**plain, "sampler": sampler, "spacing": "leading", "karras": 0, "steps": 15, "quantile": quantile, "highest": 3}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, default=Path("build"))
    probe = parser.parse_args().build / "tests" / "probe_diffusion_sampler"
    rng = np.random.default_rng(5)
    keys = ("sampler", "steps", "spacing", "karras", "prediction", "betas", "offset", "eta", "final_alpha_one", "clip", "quantile",
            "highest")
    plan, lines = [], []
    for case in cases():
        starts = rng.standard_normal(6).astype(np.float32)
        draws = case["steps"] if case["sampler"] == "euler_ancestral" or case["eta"] > 0 else 0
        noise = rng.standard_normal((draws, 6)).astype(np.float32)
        plan.append((case, starts, noise))
        numbers = [f"{value:.9g}" for value in [*starts, *noise.ravel()]]
        lines.append(" ".join([*(str(case[key]) for key in keys), str(draws), "6", *numbers]))
    found = subprocess.run([probe], input="\n".join(lines) + "\n", text=True, capture_output=True, check=True).stdout.splitlines()
    passed = failed = 0
    worst = 0.0
    for i, (case, starts, noise) in enumerate(plan):
        timesteps, wanted = reference(case, starts, noise)
        got_steps, got = (np.array([float(word) for word in line.split()]) for line in found[2 * i:2 * i + 2])
        same_steps = len(got_steps) == len(timesteps) and np.abs(got_steps - timesteps).max() <= 2e-3
        # Cosine betas leave so little of the image at the start that values run into the hundreds.
        size = max(1.0, np.abs(wanted).max()) if case["betas"] == "cosine" else 1.0
        difference = np.abs(got - wanted).max() / size
        worst = max(worst, difference if np.isfinite(difference) else np.inf)
        if same_steps and difference <= TOLERANCE:
            passed += 1
        else:
            failed += 1
            print(f"FAIL {case}: difference {difference:.2g}" + ("" if same_steps else f", timesteps {got_steps} not {timesteps}"))
    print(f"{len(plan)} runs, largest difference {worst:.2g} (of cosine schedules: of the result's size)")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
