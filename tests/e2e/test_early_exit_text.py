"""Early exit of text encoders as a user meets it: trained here, then rules compared; own data and downloaded models too."""

import json

import numpy as np
from frame import ROOT, bench, check, dynexec, rows, run_folder
from safetensors.numpy import load_file, save_file


def train(folder, **changes):
    """A small encoder with exits on the easy texts of the sentence task."""
    config = {"kind": "encoder", "output": str(folder / "encoder"), "work": str(folder / "work"),
              "model": {"width": 32, "layers": 3, "heads": 2, "ffn": 48, "max_positions": 96},
              "data": {"difficulties": [1, 2], "pool": 64, "batch_tokens": 256, "batches_per_step": 2, "evaluation": 60},
              "optimiser": {"steps": 150, "learning_rate": 0.004, "warmup": 5}, **changes}
    path = folder / f"train-{len(list(folder.glob('train-*')))}.yaml"
    path.write_text(json.dumps(config))
    return path


def experiment(folder, **changes):
    config = {"name": "texts", "experiment": "early_exit",
              "task": {"kind": "sentences", "difficulties": [1, 2], "samples": 30},
              "model": {"network": str(folder / "encoder")}, "calibration": {"samples": 20, "budget_ms": 20},
              "paths": [{"name": "full", "method": "full"}, {"name": "first", "method": "static", "exit": 0},
                        {"name": "sure", "rule": "entropy", "threshold": 0.5},
                        {"name": "never", "rule": "confidence", "threshold": 1.0},
                        {"name": "random", "method": "random", "like": "sure"}],
              "bench": {"repetitions": 2, "warmup_max": 2}, **changes}
    path = folder / "texts.yaml"
    path.write_text(json.dumps(config))
    return path


def test_an_encoder_is_trained_and_left_early(folder):
    dynexec("train", train(folder)).ok()
    about = json.loads(dynexec("inspect", folder / "encoder", "--format", "json").ok().out)
    check(about["family"] == "bert" and about["exits"] == [0, 1], f"inspect says {about}")
    check(about["class_names"] == ["good", "bad", "unknown"], f"inspect says {about}")
    card = (folder / "encoder" / "README.md").read_text()
    check("difficulty/1" in card and "exit after layer 0" in card, "the card has no accuracies")
    bench(experiment(folder), folder / "out", "--trace").ok()
    done = run_folder(folder / "out")
    summary = {row["path"]: row for row in rows(done / "summary.csv")}
    macs = {name: float(row["macs_mean"]) for name, row in summary.items()}
    check(macs["first"] < macs["sure"] < macs["full"] < macs["never"], f"multiply-accumulates {macs}")
    check(summary["never"]["quality"] == summary["full"]["quality"], "a rule that never leaves answers otherwise")
    check(float(summary["full"]["quality"]) > 0.6, f"the encoder learnt nothing: {summary['full']['quality']}")
    batched = experiment(folder, bench={"repetitions": 2, "warmup_max": 2, "batch_size": 4})
    bench(batched, folder / "batched").ok()
    together = {row["path"]: row for row in rows(run_folder(folder / "batched") / "summary.csv")}
    same = [name for name in ("full", "first", "sure") if together[name]["quality"] == summary[name]["quality"]]
    check(len(same) == 3, f"other answers in batches: {together}")
    check({row["group"] for row in rows(done / "samples.csv")} == {"difficulty/1", "difficulty/2"}, "other groups")


def test_training_goes_on_where_it_stopped(folder):
    whole = train(folder, checkpoint_every=20)
    dynexec("train", whole).ok()
    first = load_file(folder / "encoder" / "model.safetensors")
    dynexec("train", whole).ok()  # all steps are done: written again
    again = load_file(folder / "encoder" / "model.safetensors")
    check(all(np.array_equal(first[name], again[name]) for name in first), "the weights changed")
    dynexec("train", whole, "--set", "optimiser.learning_rate=0.1").exits(2).one_error().says("other settings")


def labelled(folder, names, count=90):
    """Texts of a file whose label is decided by one word."""
    words = {names[0]: "awful", names[1]: "lovely"}
    lines = [json.dumps({"sentence": f"The soup was {words[names[i % 2]]} on day {i}.", "y": names[i % 2]}) for i in range(count)]
    path = folder / "texts.jsonl"
    path.write_text("\n".join(lines))
    return path


def downloaded(folder):
    """A BERT without classifier, with a WordPiece tokenizer, as users find them."""
    random, width = np.random.default_rng(3), 32
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "soup", "was", "aw", "##ful", "love", "##ly", "on", "day", "."]
    tensors = {"embeddings.word_embeddings.weight": random.normal(0, 1, (len(words), width)),
               "embeddings.position_embeddings.weight": random.normal(0, 0.1, (32, width)),
               "embeddings.token_type_embeddings.weight": random.normal(0, 0.1, (2, width))}

    def dense(name, out, inside):
        tensors.update({f"{name}.weight": random.normal(0, inside ** -0.5, (out, inside)), f"{name}.bias": np.zeros(out)})

    def norm(name):
        tensors.update({f"{name}.weight": np.ones(width), f"{name}.bias": np.zeros(width)})

    norm("embeddings.LayerNorm")
    for layer in ("encoder.layer.0", "encoder.layer.1"):
        for part in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
            dense(f"{layer}.{part}", width, width)
        norm(f"{layer}.attention.output.LayerNorm")
        dense(f"{layer}.intermediate.dense", 48, width)
        dense(f"{layer}.output.dense", width, 48)
        norm(f"{layer}.output.LayerNorm")
    dense("pooler.dense", width, width)
    path = folder / "downloaded"
    path.mkdir()
    save_file({name: value.astype(np.float32) for name, value in tensors.items()}, path / "model.safetensors")
    (path / "config.json").write_text(json.dumps({
        "model_type": "bert", "vocab_size": len(words), "hidden_size": width, "num_hidden_layers": 2, "num_attention_heads": 4,
        "intermediate_size": 48, "max_position_embeddings": 32}))
    (path / "tokenizer.json").write_text(json.dumps({
        "added_tokens": [], "normalizer": {"type": "BertNormalizer", "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "BertProcessing", "cls": ["[CLS]", 2], "sep": ["[SEP]", 3]},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": {word: i for i, word in enumerate(words)}}}))
    return path


def test_a_downloaded_encoder_on_own_texts(folder):
    """The encoder is fine-tuned on the user's texts; then its exits alone are trained (DeeBERT's two stages)."""
    names = ["negative", "positive"]
    texts = {"kind": "text_classification", "file": str(labelled(folder, names)), "text_field": "sentence", "label_field": "y",
             "classes": names, "pool": 32, "batch_tokens": 128, "batches_per_step": 1, "evaluation": 20}
    backbone = train(folder, output=str(folder / "tuned"), work=str(folder / "w1"), start_from=str(downloaded(folder)),
                     training="backbone", data=texts)
    config = json.loads(backbone.read_text())
    del config["model"]
    backbone.write_text(json.dumps(config))
    dynexec("train", backbone).ok()
    config.update(output=str(folder / "encoder"), work=str(folder / "w2"), start_from=str(folder / "tuned"), training="heads")
    heads = folder / "heads.yaml"
    heads.write_text(json.dumps(config))
    dynexec("train", heads).ok()
    before, after = (load_file(folder / name / "model.safetensors") for name in ("tuned", "encoder"))
    check(all(np.array_equal(before[name], after[name]) for name in before), "training of the heads changed the encoder")
    task = {"kind": "text_classification", "file": texts["file"], "text_field": "sentence", "label_field": "y", "samples": 40}
    bench(experiment(folder, task=task), folder / "out").ok()
    summary = {row["path"]: row for row in rows(run_folder(folder / "out") / "summary.csv")}
    check(float(summary["full"]["quality"]) == 1 and float(summary["first"]["quality"]) == 1, f"qualities {summary}")

    def refused(code, text, **changes):
        bench(experiment(folder, **changes), folder / "out").exits(code).one_error().says(text)

    refused(1, "exit heads", task=task, model={"network": str(folder / "tuned")})
    refused(1, "texts", task=task | {"samples": 85})
    refused(1, "no class", task=task | {"label_field": "sentence"})
    refused(2, "three classes", task={"kind": "sentences"})
    refused(2, "max_tokens", task=task, model={"network": str(folder / "encoder"), "max_tokens": 1000})


def formats(folder, paths, **changes):
    """The shipped encoder with gates that are learnt from calibration samples."""
    gated = [{"name": f"{name}-{kind}", **settings, **({"weights": weights} if weights else {})}
             for name, weights in paths.items()
             for kind, settings in (("full", {"method": "full"}), ("gate", {"rule": "gate", "threshold": 0.9}),
                                    ("plan", {"method": "predictive_exit", "engine": "learnt", "rule": "gate", "threshold": 0.9}),
                                    ("static", {"method": "static", "like": f"{name}-gate"}), ("oracle", {"method": "oracle"}))]
    return experiment(folder, paths=gated, task={"kind": "sentences", "samples": 30},
                      model={"network": str(ROOT / "models" / "sentences-encoder")}, **changes)


def read_bytes(row):
    return float(row["weight_mb_read_mean"])


def test_weight_formats_side_by_side(folder):
    """Each format learns from itself: what its paths do is what they do in a run without the others."""
    both = {"fp32": None, "int8": "int8-a8"}
    bench(formats(folder, both, calibration={"samples": 60, "budget_ms": 20}), folder / "out", "--trace").ok()
    done = run_folder(folder / "out")
    summary = {row["path"]: row for row in rows(done / "summary.csv")}
    check(len(summary) == 10 and all(row["failed_rows"] == "0" and row["rows"] == "60" for row in summary.values()), f"rows: {summary}")
    for kind in ("full", "gate", "plan", "static", "oracle"):
        plain, quantised = summary[f"fp32-{kind}"], summary[f"int8-{kind}"]
        check("weights" not in plain["setting"] and quantised["setting"].endswith("; weights int8-a8"), f"settings of {kind}")
        check(abs(float(plain["quality"]) - float(quantised["quality"])) <= 0.1, f"qualities of {kind}")
        check(read_bytes(quantised) < 0.5 * read_bytes(plain), f"{kind} reads {quantised['weight_mb_read_mean']} MB")
        check(0 < float(quantised["tensor_mb"]) < float(plain["tensor_mb"]), f"memory of {kind}")
    full = (summary["fp32-full"], summary["int8-full"])
    check(full[0]["macs_mean"] == full[1]["macs_mean"], "another format makes another number of products")
    # A byte a weight; biases, norms and heads as before.
    check(0.25 < read_bytes(full[1]) / read_bytes(full[0]) < 0.3, f"bytes {full[0]['weight_mb_read_mean']}, {full[1]['weight_mb_read_mean']}")
    samples = rows(done / "samples.csv")
    check(all(float(row["weight_bytes_read"]) > 0 and row["error"] == "" for row in samples), "samples without bytes")
    check(all(row["equal_to_baseline"] == "" for row in samples), "an answer in another format is called equal")

    def traces(path):
        lines = [json.loads(line) for line in (path / "traces.jsonl").read_text().splitlines()]
        return sorted(json.dumps(line, sort_keys=True) for line in lines if line["path"].startswith("int8"))

    alone = formats(folder, {"int8": "int8-a8"}, calibration={"samples": 60, "budget_ms": 20})
    bench(alone, folder / "alone", "--trace").ok()
    check(traces(done) and traces(done) == traces(run_folder(folder / "alone")), "int8 paths depend on what fp32 was calibrated to")

    def refused(config, *parts):
        bench(config, folder / "no").exits(2).one_error().says(str(config), *parts)

    vision = {"network": str(ROOT / "models" / "shapes-resnet")}
    shapes = {"task": {"kind": "shapes", "samples": 4}, "calibration": {"samples": 4}}
    full, quantised = {"name": "full", "method": "full"}, {"name": "a", "rule": "margin", "weights": "int8"}
    int4 = quantised | {"weights": "int4-g32"}
    refused(experiment(folder, model=vision, paths=[full, int4], **shapes), "paths[1].weights", "vision networks are fp32", "text encoder")
    refused(experiment(folder, model=vision | {"weights": "bf16"}, paths=[full], **shapes), "model.weights", "vision networks are fp32")
    # Which weights a path has is known when the folder is.
    random = {"name": "b", "method": "random", "like": "a"}
    refused(experiment(folder, model={"network": str(ROOT / "models" / "sentences-encoder")}, paths=[full, quantised, random]),
            "paths[2].like", "int8")
    refused(experiment(folder, model=vision, paths=[full, quantised, random], **shapes), "paths[2].like", "int8")
    refused(experiment(folder, paths=[full, quantised | {"weights": "int4"}]), "paths[1].weights", "int4-g32")


def test_what_does_not_fit_is_refused(folder):
    config = train(folder)
    dynexec("train", config, "--set", "exits.layers=[2]").exits(2).one_error().says("exits.layers")
    dynexec("train", config, "--set", "training=heads").exits(2).one_error().says("start_from")
    dynexec("train", config, "--set", "data.kind=text_classification").exits(2).one_error().says("data")
    dynexec("train", config, "--set", "model.heads=3").exits(2).one_error().says("model.heads")
    dynexec("train", config, "--set", "data.difficulties=[7]").exits(2).one_error().says("difficulty 7")
