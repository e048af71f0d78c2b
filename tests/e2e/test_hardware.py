"""Hardware profiles as a user meets them: listed, explained, and turned into modelled columns beside measured ones."""

import json

from frame import INTERRUPT, ROOT, bench, check, dynexec, rows, run_folder, start, stop, tiny_config, wait_for
from test_early_exit import experiment, train

PROFILES = ("jetson_tx2", "jetson_agx", "server_cpu", "analogue_cim")


def profile(name):
    return str(ROOT / "configs" / "hardware" / f"{name}.yaml")


def test_profiles_are_listed_and_explained(folder):
    listed = json.loads(dynexec("list", "--format", "json").ok().out)
    names = {entry["name"] for entry in listed["hardware"]}
    check(names == {f"configs/hardware/{name}.yaml" for name in PROFILES}, f"listed: {names}")
    check(not any("hardware" in entry["name"] for entry in listed["configs"]), "a profile is listed as a config to run")
    for name in PROFILES:
        about = json.loads(dynexec("inspect", profile(name), "--format", "json").ok().out)
        check(all(figure["source"] and figure["factor"] >= 1 for figure in about["figures"]), f"{name}: no source")
        watts = [level["watts"] for level in about["levels"] if level["dtype"] == about["levels"][0]["dtype"]]
        check(watts == sorted(watts), f"{name}: power does not grow with the frequency: {watts}")
        text = dynexec("inspect", profile(name)).ok().out
        check("pJ/MAC" in text and "Horowitz" in text, f"{name}: no energy or no source: {text[:300]}")
    arrays = json.loads(dynexec("inspect", profile("analogue_cim"), "--format", "json").ok().out)["arrays"]
    check(arrays["energy of a full array's product"] == "0.205 pJ/MAC", f"the anchor: {arrays}")


def test_what_is_wrong_with_a_profile_is_said_at_its_place(folder):
    bad = folder / "bad.yaml"
    text = open(profile("jetson_tx2")).read()
    bad.write_text(text.replace("node_nm: {value: 16, source:", "node_nm: {value: -16, source:"))
    line = next(n for n, part in enumerate(bad.read_text().splitlines(), 1) if part.startswith("node_nm"))
    dynexec("inspect", bad).exits(2).one_error().says(f"bad.yaml:{line}:", "node_nm.value")
    bad.write_text(text.replace("vdd: {value: 1.05, source:", "vdd: {value: 1.05, because:"))
    dynexec("inspect", bad).exits(2).one_error().says("vdd")
    bad.write_text(text + "colour: red\n")
    dynexec("inspect", bad).exits(2).one_error().says("colour")
    dynexec("inspect", folder / "none.yaml").exits(2).one_error()


def test_decoding_has_modelled_energy_beside_the_measured(folder):
    config = tiny_config(folder, hardware={"profile": profile("server_cpu")}, bench={"energy": "none"})
    bench(config, folder / "out").ok()
    done = run_folder(folder / "out")
    samples = rows(done / "samples.csv")
    summary = {row["path"]: row for row in rows(done / "summary.csv")}
    check(all(row["energy_j"] == "" and float(row["modelled_energy_j"]) > 0 and float(row["modelled_latency_ms"]) > 0
              and row["energy_profile"].startswith("Server CPU") and row["adc_share"] == "" for row in samples),
          "measured and modelled columns are mixed")
    check(summary["base"]["modelled_energy_saving"] == "", "the baseline saves energy against itself")
    total = {name: sum(float(row["modelled_energy_j"]) for row in samples if row["path"] == name) for name in summary}
    for name in ("draft", "lookup"):
        saving = float(summary[name]["modelled_energy_saving"])
        check(abs(saving - (1 - total[name] / total["base"])) < 1e-9, f"{name}: {saving} is not what the rows say")
        check(float(summary[name]["modelled_energy_saving_ci_low"]) <= saving
              <= float(summary[name]["modelled_energy_saving_ci_high"]), f"{name}: the interval misses its value")
    provenance = json.dumps(json.loads((done / "environment.json").read_text()))
    check("server_cpu.yaml" in provenance, "the profile is not in environment.json")


def test_analogue_arrays_report_their_converters(folder):
    config = tiny_config(folder, hardware={"profile": profile("analogue_cim")})
    bench(config, folder / "out", "--set", "bench.repetitions=1").ok()
    shares = [float(row["adc_share"]) for row in rows(run_folder(folder / "out") / "samples.csv")]
    check(all(0 < share < 1 for share in shares), f"converters' share: {min(shares)} to {max(shares)}")


def test_wrong_hardware_sections_are_refused(folder):
    config = tiny_config(folder, hardware={"profile": profile("server_cpu")})
    bench(config, folder / "out", "--set", "hardware.dtype=fp64").exits(2).one_error().says("fp32 or int8")
    bench(config, folder / "out", "--set", "hardware.profile=nowhere.yaml").exits(2).one_error().says("nowhere.yaml")
    bench(config, folder / "out", "--set", "paths.1.weights=int8").exits(2).one_error().says("model fp32 weights")
    bench(config, folder / "out", "--set", "hardware.profil=x").exits(2).one_error().says("profil")


def governed(folder, governors, **changes):
    """The tiny multi-exit network under a profile: the whole network, and rules with and without governors."""
    dynexec("train", train(folder)).ok()
    paths = [{"name": "full", "method": "full"}, {"name": "first", "method": "static", "exit": 0}]
    if "hardware" in changes:
        paths.append({"name": "full-budget", "method": "full", "governor": "budget"})
    for name, governor in governors.items():
        paths.append({"name": name, "rule": "confidence", "threshold": 0.4, "governor": governor})
    return experiment(folder, paths=paths, **changes)


def test_governors_under_a_profile(folder):
    # A machine slow enough for the tiny network that a change of frequency is small beside a layer.
    slow = folder / "slow.yaml"
    text = open(profile("jetson_tx2")).read()
    slow.write_text(text.replace("peak_ops: {value: 6.659e11", "peak_ops: {value: 1.0e9"))
    config = governed(folder, {"none": "none", "budget": "budget", "safe": {"rule": "budget", "reserve": 1},
                               "late": {"rule": "budget", "deadline": 3, "reserve": 1}, "constant": "constant"},
                      hardware={"profile": str(slow)})
    bench(config, folder / "out").ok()
    done = run_folder(folder / "out")
    summary = {row["path"]: row for row in rows(done / "summary.csv")}
    energy = {name: float(row["modelled_energy_j"]) for name, row in summary.items()}
    latency = {name: float(row["modelled_latency_ms"]) for name, row in summary.items()}
    check(energy["full-budget"] == energy["full"] and latency["full-budget"] == latency["full"],
          f"the whole network has no slack, yet a governor changed it: {energy}, {latency}")
    check(energy["first"] < energy["full"], f"less work, more energy: {energy}")
    check(energy["safe"] == energy["none"], f"a full reserve within the plain latency leaves nothing to slow down: {energy}")
    check(energy["late"] < energy["none"] and latency["late"] <= 3 * latency["full"], f"{energy}, {latency}")
    for name in ("budget", "constant"):
        check(energy[name] <= energy["none"], f"{name} costs energy: {energy}")
    check(float(summary["safe"]["modelled_late_share"]) <= float(summary["none"]["modelled_late_share"]), "late")
    samples = rows(done / "samples.csv")
    for sample in {row["sample"] for row in samples}:
        full = next(float(row["modelled_latency_ms"]) for row in samples
                    if row["sample"] == sample and row["path"] == "full")
        worst = max(float(row["modelled_latency_ms"]) for row in samples
                    if row["sample"] == sample and row["path"] == "late")
        check(worst <= 3 * full, f"sample {sample} ends after its deadline: {worst} ms, the network takes {full} ms")
    check("governor=budget" in summary["budget"]["setting"], summary["budget"]["setting"])


def test_arrays_hold_a_network(folder):
    config = governed(folder, {}, hardware={"profile": profile("analogue_cim")})
    bench(config, folder / "out").ok()
    summary = {row["path"]: row for row in rows(run_folder(folder / "out") / "summary.csv")}
    check(0.05 < float(summary["full"]["adc_share"]) < 0.9, f"converters' share {summary['full']['adc_share']}")
    check(float(summary["first"]["modelled_energy_saving_ci_low"]) > 0, "leaving early saves nothing")


def fake_cpufreq(folder):
    policy = folder / "cpufreq" / "policy0"
    policy.mkdir(parents=True)
    for name, text in {"scaling_available_governors": "performance userspace", "scaling_governor": "performance",
                       "scaling_setspeed": "<unsupported>", "scaling_min_freq": "800000", "scaling_max_freq": "2000000",
                       "scaling_available_frequencies": "800000 1400000 2000000"}.items():
        (policy / name).write_text(text + "\n")
    return policy


def test_real_control_puts_the_frequency_back(folder):
    policy = fake_cpufreq(folder)
    control = {"rule": "budget", "deadline": 4, "reserve": 0, "control": "cpufreq", "sysfs": str(policy.parent)}
    dynexec("train", train(folder)).ok()
    config = experiment(folder, paths=[{"name": "full", "method": "full"},
                                       {"name": "paced", "rule": "confidence", "threshold": 0.4, "governor": control}])
    bench(config, folder / "out").ok()
    check((policy / "scaling_governor").read_text().strip() == "performance", "the governor was not put back")
    check((policy / "scaling_setspeed").read_text().strip() == "2000000", "the highest frequency was not restored")
    summary = rows(run_folder(folder / "out") / "summary.csv")
    check(all(row["modelled_energy_j"] == "" for row in summary), "a modelled figure without a profile")

    # Interrupted in the middle of the run.
    process = start("bench", config, "--out", folder / "stopped", "--threads", 1, "--set", "bench.repetitions=5000")
    wait_for(lambda: (policy / "scaling_governor").read_text().strip() == "userspace", "real control")
    wait_for(lambda: list((folder / "stopped").glob("*/*/samples.csv*")), "rows")
    stop(process, INTERRUPT).exits(130)
    check((policy / "scaling_governor").read_text().strip() == "performance", "Ctrl-C left the processors in our hands")

    (policy / "scaling_setspeed").unlink()
    (policy / "scaling_max_freq").unlink()
    (policy / "scaling_max_freq").mkdir()
    bench(config, folder / "refused").exits(2).one_error().says("scaling_max_freq", "control: model")


def test_wrong_governors_are_refused(folder):
    config = governed(folder, {"rule": "none"}, hardware={"profile": profile("jetson_tx2")})
    for value, words in (("turbo", "budget"), ("published", "predictive_exit"), ("{rule: budget, reserve: 7}", "reserve")):
        bench(config, folder / "out", "--set", f"paths.3.governor={value}").exits(2).one_error().says(words)
    bench(config, folder / "out", "--set", "hardware=~", "--set", "paths.3.governor=budget").exits(2).one_error().says(
        "hardware")
