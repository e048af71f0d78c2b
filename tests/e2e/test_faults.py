"""Broken models, full disks, folders that cannot be written to."""

import os
import resource
import shutil
import subprocess

from frame import ROWS, Skip, bench, check, dynexec, row_keys, run_folder, tiny_config


def test_truncated_safetensors(folder):
    config = tiny_config(folder)
    target = folder / "models" / "target"
    weights = target / "model.safetensors"
    whole = weights.read_bytes()
    for size in (0, 4, 8, 100, len(whole) // 2, len(whole) - 1):
        weights.write_bytes(whole[:size])
        for result in (bench(config, folder / "out"), dynexec("inspect", target),
                       dynexec("generate", target, "--prompt", "x")):
            result.exits(1).one_error().says("model.safetensors")
    weights.write_bytes(whole + b"x")
    bench(config, folder / "out").exits(1).one_error().says("model.safetensors")
    check(not (folder / "out").exists() or not list((folder / "out").glob("*/*/samples.csv")), "results of a broken model")
    weights.write_bytes(whole)
    dynexec("inspect", target).ok()


def test_damaged_model_files(folder):
    config = tiny_config(folder)
    target = folder / "models" / "target"
    for name, damage in (("config.json", "{"), ("config.json", "[]"), ("config.json", '{"model_type": "llama"}'),
                         ("tokenizer.json", "{}"), ("tokenizer.json", "\x00")):
        kept = (target / name).read_text()
        (target / name).write_text(damage)
        bench(config, folder / "out").exits(1).one_error().says(name)
        (target / name).write_text(kept)
    (target / "model.safetensors").rename(target / "away")
    bench(config, folder / "out").exits(1).one_error()


def kept_by(result, out):
    """Rows that a run stopped by a full disk has kept; it says what happened and looks unfinished."""
    result.exits(1).one_error()
    check("space" in result.err or "too large" in result.err, f"the error does not name the full disk: {result.err}")
    partial = run_folder(out) / "samples.csv.partial"
    text = partial.read_bytes()
    check(text.endswith(b"\n"), "a torn line is left")
    check(not (run_folder(out) / "samples.csv").exists(), "a run on a full disk looks finished")
    return text.count(b"\n") - 1


def test_a_file_size_limit_stops_the_run_and_can_be_lifted(folder):
    config, out = tiny_config(folder), folder / "out"
    limit = 12000
    kept = kept_by(bench(config, out, preexec=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))), out)
    check(kept > 0, "no row was kept")
    bench(config, out, "--resume").ok()
    check(len(set(row_keys(run_folder(out) / "samples.csv"))) == ROWS, "rows are missing after the resume")
    return f"{kept} of {ROWS} rows before the limit"


def test_a_full_disk_stops_the_run_and_can_be_cleared(folder):
    disk = folder / "disk"
    disk.mkdir()
    mounted = os.geteuid() == 0 and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk],
                                                   capture_output=True, check=False).returncode == 0
    if not mounted:
        raise Skip("needs a small file system of its own, which only root can mount")
    try:
        config = tiny_config(folder)
        (disk / "filler").write_bytes(b"x" * 30000)
        kept = kept_by(bench(config, disk / "out"), disk / "out")
        (disk / "filler").unlink()
        subprocess.run(["mount", "-o", "remount,size=4m", disk], check=True)
        bench(config, disk / "out", "--resume").ok()
        check(len(set(row_keys(run_folder(disk / "out") / "samples.csv"))) == ROWS, "rows are missing after the resume")
        return f"{kept} of {ROWS} rows before the disk was full"
    finally:
        subprocess.run(["umount", disk], check=False)


def test_a_disk_that_is_full_at_the_start_is_found_before_measuring(folder):
    disk = folder / "disk"
    disk.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", disk],
                                           capture_output=True, check=False).returncode != 0:
        raise Skip("needs a small file system of its own, which only root can mount")
    try:
        try:
            (disk / "filler").write_bytes(b"x" * 20000)
        except OSError:
            pass
        bench(tiny_config(folder), disk / "out").exits(1).one_error().says("space")
    finally:
        subprocess.run(["umount", disk], check=False)


def test_output_that_cannot_be_written(folder):
    config = tiny_config(folder)
    (folder / "file").write_text("not a folder")
    bench(config, folder / "file").exits(1).one_error().says("file")
    with open("/dev/full", "w", encoding="utf-8") as full:
        bench(config, folder / "out", stdout=full).exits(1).one_error().says("stdout")
        dynexec("list", stdout=full).exits(1).one_error().says("stdout")


def test_a_model_without_read_permission(folder):
    if os.geteuid() == 0:
        raise Skip("root may read everything")
    config = tiny_config(folder)
    os.chmod(folder / "models" / "target" / "model.safetensors", 0)
    bench(config, folder / "out").exits(1).one_error().says("model.safetensors")


def test_the_model_is_part_of_a_runs_identity(folder):
    config, out = tiny_config(folder), folder / "out"
    bench(config, out, "--set", "bench.repetitions=1").ok()
    shutil.rmtree(folder / "models" / "draft")
    shutil.copytree(folder / "models" / "target", folder / "models" / "draft")
    result = bench(config, out, "--set", "bench.repetitions=1", "--resume").ok()
    check("nothing to resume" not in result.err, "another draft model was taken for the same run")
    check(len(list(out.glob("*/*/samples.csv"))) == 2, "the runs of two models share a folder")
