"""README's part on weight formats: decoding beside its peers, what formats lose, and whether they multiply with dynamic execution."""

import math

PARTS = {  # of results/reference: what stands in README before its table
    "weight-formats-1-thread": "speculative decoding of the shipped pair (`build/dynexec bench configs/weight_formats.yaml --threads 1`)",
    "early-exit-formats-1-thread": "early exit of the shipped text encoder (`build/dynexec bench configs/early_exit_formats.yaml --threads 1`)",
    "vision-formats-1-thread": "early exit of the shipped ResNet (`build/dynexec bench configs/vision_formats.yaml --threads 1`); exits' heads stay fp32, so that "
                              "the more of them a path asks, the less int8 shortens it",
    "stepsaver-formats-1-thread": "fewer diffusion steps (`build/dynexec bench configs/stepsaver_formats.yaml --threads 1`)",
}
LOSSES = {  # column: runs on the same samples with the same baseline
    "shipped model, worked solutions: perplexity": ("perplexity-1-thread", "perplexity-gptq-1-thread"),
    "shipped model, problems: exact match": ("exact-match-1-thread",),
    "stories260K, TinyStories: perplexity": ("perplexity-stories-1-thread",),
}


def ranged(row, name, digits):
    return f"{float(row[name]):.{digits}f} [{float(row[name + '_ci_low']):.{digits}f}, {float(row[name + '_ci_high']):.{digits}f}]"


def name_of(model):
    return "the shipped model" if "/" in model else model


def peers(reference, rows):
    """One line a model and number of bits; cells with one and two threads."""
    found = {}
    for row in rows(reference / "peers.csv"):
        group = found.setdefault((row["model"], row["bits"]), {}).setdefault(row["threads"], {})
        best = group.get(row["engine"])
        if best is None or float(row["tokens_per_s"]) > float(best["tokens_per_s"]):
            group[row["engine"]] = row
    lines = ["| model | bits | format | over llama.cpp | over transformers | share of read bandwidth | five rows cost | slow-down beside a busy core (llama.cpp's) |",
             "|---|---|---|---|---|---|---|---|"]
    for (model, bits), threads in found.items():
        ours = {count: group["dynexec"] for count, group in threads.items()}

        def cell(text):
            return " / ".join(text(count) for count in threads)

        lines.append("| " + " | ".join([
            name_of(model), bits, " / ".join(dict.fromkeys(f"`{row['format']}`" for row in ours.values())), cell(lambda t: ours[t]["over_llama.cpp"]),
            cell(lambda t: ours[t]["over_transformers"]) if bits == "32" else "", cell(lambda t: f"{100 * float(ours[t]['bandwidth_share']):.0f} %"),
            cell(lambda t: ours[t]["r(5)"]), cell(lambda t: f"{ours[t]['busy_slowdown']} ({threads[t]['llama.cpp']['busy_slowdown']})")]) + " |")
    return [
        "**Decoding beside its peers**, same weights and bits, interleaved in one run, one / two threads, random weights but for the shipped model's "
        "([figures](results/reference/peers.csv); a share above 100 % means that the last-level cache holds a part of the weights):",
        "", *lines]


def loss(row):
    """The baseline's quality, or what a format changes: perplexity in percent, a share of right answers as it is."""
    perplexity = row["quality_metric"] == "nats_per_token"
    if not row["quality_delta"]:
        return f"{math.exp(float(row['quality'])):.4f}" if perplexity else f"{float(row['quality']):.3f}"
    change = [float(row[name]) for name in ("quality_delta", "quality_delta_ci_low", "quality_delta_ci_high")]
    if perplexity:
        return "{:+.3f} % [{:+.3f}, {:+.3f}]".format(*(100 * math.expm1(nats) for nats in change))
    return "{:+.3f} [{:+.3f}, {:+.3f}]".format(*change)


def losses(reference, rows):
    runs = {what: names for what, names in LOSSES.items() if all((reference / name).is_dir() for name in names)}
    lines = ["| format | " + " | ".join(runs) + " |", "|---|" + "---|" * len(runs)]
    columns = [{row["path"]: row for name in names for row in rows(reference / name / "summary.csv")} for names in runs.values()]
    for path in dict.fromkeys(path for column in columns for path in column):
        cells = [loss(column[path]) if path in column else "" for column in columns]
        lines.append(f"| `{path}` | " + " | ".join(cells) + " |")
    links = ", ".join(f"[{name}](results/reference/{name}/summary.csv)" for names in runs.values() for name in names)
    return [f"**What a format loses** (`build/dynexec bench` on `configs/perplexity.yaml`, `configs/exact_match.yaml`, `configs/real/perplexity_stories.yaml` and "
            f"`configs/real/perplexity_gptq.yaml`; {links}), the first line being fp32's own, the others' differences with their 95 % intervals:", "", *lines]


def product_table(reference, rows, part):
    folder = reference / part
    lines = ["| path | speed-up [95 %] | quality | against the first path |", "|---|---|---|---|"]
    summary = rows(folder / "summary.csv")
    for row in summary:
        first = row is summary[0]
        cells = [row["path"], "baseline" if first else ranged(row, "speedup", 2), f"{float(row['quality']):.3f}" if row["quality"] else "",
                 "" if first or not row["quality_delta"] else
                 f"{float(row['quality_delta']):+.3f} [{float(row['quality_delta_ci_low']):+.3f}, {float(row['quality_delta_ci_high']):+.3f}]"]
        lines.append("| " + " | ".join(cells) + " |")
    products = rows(folder / "products.csv")
    lines += ["", "Product test: " + "; ".join(f"{row['second']} × {row['first']} {ranged(row, 'product', 2)}" for row in products)
              + f" ([summary](results/reference/{part}/summary.csv), [products](results/reference/{part}/products.csv))."]
    return lines


def formats(reference, rows):
    lines = [*peers(reference, rows), "", *losses(reference, rows), "",
             "**Do quantisation and dynamic execution multiply?** The product test is (t00 · t11) / (t10 · t01): 1 where the two speed-ups multiply, above 1 where they "
             "give less together."]
    for part, what in PARTS.items():
        if (reference / part).is_dir():
            lines += ["", f"In {what}:", "", *product_table(reference, rows, part)]
    return lines
