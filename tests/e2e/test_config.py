"""Configs: places of errors, overrides, the resolved form, documents meant to harm."""

import json

from frame import bench, check, dynexec, tiny_config


def test_misspelt_keys_are_told_with_place_and_remedy(folder):
    config = tiny_config(folder)
    text = config.read_text()
    for right, wrong in (("max_new_tokens", "max_new_token"), ("repetitions", "repetitons"), ("target", "targte"),
                         ("calibration", "calibraton")):
        config.write_text(text.replace(f'"{right}"', f'"{wrong}"'))
        line = next(n for n, row in enumerate(config.read_text().splitlines(), 1) if f'"{wrong}"' in row)
        result = bench(config, folder / "out").exits(2).one_error()
        if right == "target":  # a required key: its absence is the error
            result.says("target")
        else:
            result.says(f"{config}:{line}:", f"{right}")
        check(not (folder / "out").exists(), "a broken config left an output folder")


def test_dry_run_shows_defaults_and_loads_back(folder):
    config = tiny_config(folder)
    shown = bench(config, folder / "out", "--dry-run").ok().out
    for default in ("temperature", "bootstrap_resamples", "warmup_cv", "quality_margin"):
        check(default in shown, f"{default} is not in the resolved config")
    again = folder / "again.yaml"
    again.write_text(shown)
    check(bench(again, folder / "out", "--dry-run").ok().out == shown, "the resolved config resolves to another one")
    check(not (folder / "out").exists(), "--dry-run wrote something")


def test_overrides_win_over_the_file(folder):
    config = tiny_config(folder)
    shown = bench(config, folder / "out", "--dry-run", "--set", "paths.1.length=7", "--set", "bench.seed=42").ok().out
    check("length: 7" in shown and "seed: 42" in shown, f"overrides are not in the resolved config:\n{shown}")
    bench(config, folder / "out", "--dry-run", "--set", "paths.1.lenght=7").exits(2).one_error().says("length")
    bench(config, folder / "out", "--dry-run", "--set", "paths.1.length=many").exits(2).one_error().says("length")
    bench(config, folder / "out", "--dry-run", "--set", "paths.9.length=1").exits(2).one_error()
    bench(config, folder / "out", "--dry-run", "--set", "nonsense").exits(2).one_error()


def test_documents_meant_to_harm_are_refused_quickly(folder):
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(8))
    documents = {
        "bomb": bomb,
        "deep": "a: " + "[" * 5000 + "]" * 5000 + "\n",
        "duplicate": "name: x\nname: y\n",
        "large": "# " + "x" * (2 << 20) + "\nname: x\n",
        "binary": "name: \x00\x01\n",
        "empty": "",
        "list": "- 1\n",
        "torn": "name: [\n",
    }
    for name, text in documents.items():
        path = folder / f"{name}.yaml"
        path.write_text(text)
        bench(path, folder / "out", timeout=20).exits(2).one_error().says(name)


def test_a_path_needs_what_its_drafter_needs(folder):
    config = tiny_config(folder)
    bench(config, folder / "out", "--set", "model.draft=").exits(2).one_error()
    bench(config, folder / "out", "--set", "paths.2.name=draft").exits(2).one_error().says("draft")
    bench(config, folder / "out", "--set", "paths.1.policy=constnat").exits(2).one_error().says("constant")


def test_extends_shares_a_config(folder):
    config = tiny_config(folder)
    child = folder / "child.yaml"
    child.write_text(f"extends: {config.name}\nname: child\ngeneration: {{max_new_tokens: 3}}\n")
    shown = bench(child, folder / "out", "--dry-run").ok().out
    check("name: child" in shown and "max_new_tokens: 3" in shown, shown)
    check(json.loads(config.read_text())["task"]["file"] in shown, "the parent's task is gone")
