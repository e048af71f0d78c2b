"""Help, listings, usage errors: what needs no model."""

import json

from frame import ROOT, check, dynexec, environment

SUBCOMMANDS = ("bench", "tune", "compare", "generate", "list", "inspect", "doctor", "train")


def test_help_and_list_do_not_load_libtorch(folder):
    times = {}
    for arguments in (["--help"], ["list"], ["bench", "--help"],
                      ["compare", ROOT / "results" / "reference" / "quickstart-1-thread"]):
        loaded = dynexec(*arguments, env=environment(LD_DEBUG="files")).ok().err
        check("libc.so" in loaded, "LD_DEBUG shows no libraries")
        check("libtorch" not in loaded and "libdynexec_engine" not in loaded, f"{arguments} loads LibTorch")
        times[" ".join(map(str, arguments[:2]))] = min(dynexec(*arguments).ok().seconds for _ in range(7))
    return ", ".join(f"{name}: {1000 * seconds:.0f} ms" for name, seconds in times.items())


def test_every_subcommand_explains_itself(folder):
    text = dynexec("--help").ok().out
    for name in SUBCOMMANDS:
        check(name in text, f"--help does not name {name}")
        check("--help" in dynexec(name, "--help").ok().out, f"{name} --help is empty")


def test_list_in_both_formats(folder):
    listed = json.loads(dynexec("list", "--format", "json").ok().out)
    check(any(item["name"] == "speculative" for item in listed["experiments"]), "speculative is not listed")
    check("speculative" in dynexec("list").ok().out, "speculative is not in the printed list")


def test_usage_errors_exit_with_2(folder):
    for arguments in ([], ["--no-such-flag"], ["benhc"], ["bench", "--no-such-flag"], ["bench", "a.yaml", "b.yaml"],
                      ["bench", "--format", "xml"], ["bench", "--threads", "0"], ["generate"], ["inspect"],
                      ["train", "--resume"]):
        result = dynexec(*arguments).exits(2)
        result.one_error()
        check(result.out == "", f"{arguments}: usage error on stdout: {result.out[:200]}")


def test_missing_files_are_named(folder):
    for arguments in (["bench", folder / "absent.yaml"], ["generate", folder / "absent", "--prompt", "x"],
                      ["inspect", folder / "absent"], ["train", folder / "absent.yaml"]):
        result = dynexec(*arguments)
        check(result.code in (1, 2), f"{arguments}: exit code {result.code}")
        result.one_error().says("absent")


def test_doctor_describes_the_machine(folder):
    machine = json.loads(dynexec("doctor", "--format", "json").ok().out)
    for rate in ("read_gb_per_s", *(f"peak_{numbers}_gmac_per_s" for numbers in ("fp32", "bf16", "int8"))):
        for threads in {1, machine["cpus_available"]}:
            check(machine[f"{rate}_{threads}_threads"] > 0, f"{rate} on {threads} threads")
    check(dynexec("doctor").ok().out.strip(), "doctor prints nothing")


def test_version(folder):
    check(dynexec("--version").ok().out.strip()[:1].isdigit(), "no version")
