"""Hardware profiles as a user meets them: listed, explained, and turned into modelled columns beside measured ones."""

import json

from frame import ROOT, bench, check, dynexec, rows, run_folder, tiny_config

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
    bench(config, folder / "out", "--set", "hardware.profil=x").exits(2).one_error().says("profil")
