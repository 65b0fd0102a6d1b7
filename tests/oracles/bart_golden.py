"""A small random BART with what Hugging Face's transformers computes with it.

    bart_golden.py GOLDEN_DIR          writes GOLDEN_DIR/bart/: the directory as save_pretrained writes it, the vocabulary
                                       of GOLDEN_DIR/bpe, and golden.json: token ids of sentences, some logits of the
                                       decoder forced along given targets, and what generate() gives
    bart_golden.py GOLDEN_DIR N BIN    compares N random models of other shapes and search settings with rdrop-convert
                                       and rdrop-translate of BIN instead: imported, and exported again (20, the
                                       max_length of transformers itself, is not written by it, and means none here).
                                       Random models choose among hypotheses that differ by rounding: counted apart
"""
import json
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile

import torch
from transformers import BartConfig, BartForConditionalGeneration, BartTokenizer, GenerationConfig, LogitsProcessor

SENTENCES = ["The house is small.", "A red dog runs over the green hill", "zwei Häuser — und ein König!", "x",
             "dogs dogs dogs run and run", "☃ unknown  signs\there"]
SPECIAL = dict(bos_token_id=0, pad_token_id=1, eos_token_id=2, decoder_start_token_id=2, forced_eos_token_id=2)
KEPT = 40  # logits of a row that golden.json keeps


def randomize(model, number):
    rng = torch.Generator().manual_seed(number)
    for name, tensor in model.named_parameters():
        spread = 0.3 if tensor.dim() == 1 else 2.0 * tensor.shape[-1] ** -0.5
        if "embed" in name or "shared" in name:
            spread = (0.25, 0.5, 0.8)[number % 3]
        if "norm" in name and "weight" in name:
            spread = 1.0
        tensor.data = torch.randn(tensor.shape, generator=rng) * spread
    bias = torch.randn(model.final_logits_bias.shape, generator=rng)
    bias[0, 2] = 0.5 * (number % 7) + 1
    model.final_logits_bias = bias


def make(directory, bpe, number, shape, search, mask=True):
    """A model in `directory` as transformers saves it, and its tokenizer; without an embedding of the mask, as bart-large-cnn."""
    directory.mkdir(parents=True)
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(bpe / name, directory / name)
    tokenizer = BartTokenizer(str(directory / "vocab.json"), str(directory / "merges.txt"))
    size = max(tokenizer.get_vocab().values()) + (1 if mask else 0)
    model = BartForConditionalGeneration(BartConfig(vocab_size=size, max_position_embeddings=64, **SPECIAL, **shape)).eval()
    randomize(model, number)
    model.tie_weights()
    model.generation_config = GenerationConfig(**SPECIAL, **search)
    model.save_pretrained(directory)
    return BartForConditionalGeneration.from_pretrained(directory).eval(), tokenizer


def generate(model, tokenizer, text):
    output = model.generate(torch.tensor([tokenizer(text).input_ids]), output_scores=True, return_dict_in_generate=True)
    generated = output.sequences[0].tolist()[1:]
    generated = generated[:generated.index(2)] if 2 in generated else generated
    score = output.sequences_scores[0].item() if "sequences_scores" in output else None
    return generated, score, tokenizer.decode(generated, skip_special_tokens=True, clean_up_tokenization_spaces=False)


class Rounding(LogitsProcessor):
    """Another rounding of logits: noise of about the last bits of a float32."""

    def __init__(self, seed):
        self.rng = torch.Generator().manual_seed(seed)

    def __call__(self, ids, scores):
        return scores + 2e-6 * torch.randn(scores.shape, generator=self.rng)


def ties(model, tokenizer, text, **options):
    """Texts of hypotheses that score as the best one to rounding, as rdrop-translate prints them."""
    n = model.generation_config.num_beams
    output = model.generate(torch.tensor([tokenizer(text).input_ids]), output_scores=True, return_dict_in_generate=True,
                            num_return_sequences=n, **options)
    scores = output.sequences_scores.tolist() if n > 1 else [0]
    texts = [tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False) for ids in output.sequences]
    return {re.sub(r"[\t\n\r\0]", " ", text) for text, score in zip(texts, scores) if score > scores[0] - 1e-6}


def judge(model, tokenizer, line, text):
    """Whether a translation is transformers' own (0), what it also finds where logits are rounded in another way (1), or
    neither (2)."""
    if text in ties(model, tokenizer, line):
        return 0
    return 1 if any(text in ties(model, tokenizer, line, logits_processor=[Rounding(seed)]) for seed in range(100)) else 2


def compute(model, tokenizer, number, text):
    ids = tokenizer(text).input_ids
    target = [0] + [4 + (7 * number + 3 * i) % 600 for i in range(number + 1)] + [2]
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([ids]), decoder_input_ids=torch.tensor([[2] + target[:-1]])).logits[0]
    generated, score, translation = generate(model, tokenizer, text)
    return {"text": text, "source": ids, "target": target, "generated": generated, "score": score,
            "translation": translation, "logits": [float(f"{v:.8g}") for v in logits[:, :KEPT].flatten().tolist()]}


def golden(directory, bpe):
    shape = dict(d_model=8, encoder_layers=1, decoder_layers=2, encoder_attention_heads=2, decoder_attention_heads=4,
                 encoder_ffn_dim=16, decoder_ffn_dim=12, activation_function="gelu", scale_embedding=True)
    search = dict(num_beams=4, length_penalty=2.0, min_length=6, max_length=16, no_repeat_ngram_size=3,
                  early_stopping=True, forced_bos_token_id=0)
    shutil.rmtree(directory, ignore_errors=True)
    for number in range(300):
        shutil.rmtree(directory, ignore_errors=True)
        model, tokenizer = make(directory, bpe, number, shape, search)
        sentences = [compute(model, tokenizer, i, text) for i, text in enumerate(SENTENCES)]
        lengths = [len(s["generated"]) for s in sentences]
        if len({s["translation"] for s in sentences}) > 4 and min(lengths) < 10 < max(lengths):
            break
    print(number, lengths)
    (directory / "golden.json").write_text(json.dumps({"sentences": sentences}, ensure_ascii=False) + "\n", encoding="utf-8")


def run(*command, text=None):
    return subprocess.run(list(map(str, command)), input=text, text=True, stdout=subprocess.PIPE, check=True).stdout


def compare(bpe, number, binaries):
    rng = random.Random(number)
    heads = rng.choice([1, 2, 4])
    shape = dict(d_model=4 * heads * rng.randint(1, 3), encoder_layers=rng.randint(1, 3), decoder_layers=rng.randint(1, 3),
                 encoder_attention_heads=heads, decoder_attention_heads=heads, encoder_ffn_dim=rng.randint(3, 40),
                 decoder_ffn_dim=rng.randint(3, 40), activation_function=rng.choice(["gelu", "relu"]),
                 scale_embedding=rng.random() < 0.5)
    # No padding is ever found by rdrop-translate.
    search = dict(bad_words_ids=[[1]], num_beams=rng.choice([1, 2, 4, 5]), min_length=rng.choice([0, 5, 9]), max_length=rng.choice([12, 25]),
                  no_repeat_ngram_size=rng.choice([0, 2, 3]))
    if search["num_beams"] > 1:
        search |= dict(length_penalty=rng.choice([0.0, 0.6, 1.0, 2.0]), early_stopping=rng.choice([True, False, "never"]))
    if rng.random() < 0.7:
        search["forced_bos_token_id"] = 0
    with tempfile.TemporaryDirectory() as temporary:
        t = pathlib.Path(temporary)
        model, tokenizer = make(t / "hf", bpe, number, shape, search, rng.random() < 0.7)
        run(binaries / "rdrop-convert", "--import", t / "hf", "--output", t / "model")
        run(binaries / "rdrop-convert", "--export", t / "model", "--output", t / "again")
        lines = [s.replace("\t", " ") for s in SENTENCES]
        several = ["--n-best", 2] if search["num_beams"] > 1 else []
        found = run(binaries / "rdrop-translate", "--model", t / "model", "--threads", 1, *several,
                    text="\n".join(lines) + "\n").split("\n")
        again = BartForConditionalGeneration.from_pretrained(t / "again").eval()
        judged, far = [0, 0, 0], 0.0
        for line, got in zip(lines, found[::2] if several else found):
            _, text, score = got.split(" ||| ") if several else (0, got, 0)
            generated, wanted, _ = generate(model, tokenizer, line)
            judged[judge(model, tokenizer, line, text)] += 1
            if wanted is not None and text in ties(model, tokenizer, line):
                far = max(far, abs(wanted - float(score)))
            ids = torch.tensor([tokenizer(line).input_ids])
            start = torch.tensor([[2] + generated])
            with torch.no_grad():
                far = max(far, (model(input_ids=ids, decoder_input_ids=start).logits
                                - again(input_ids=ids, decoder_input_ids=start).logits[..., :model.config.vocab_size]).abs().max().item())
        print(number, "same, by rounding and other translations:", judged, "farthest score or logit of the exported:",
              f"{far:.2e}", search, flush=True)
        return judged


if __name__ == "__main__":
    root = pathlib.Path(sys.argv[1])
    if len(sys.argv) == 2:
        golden(root / "bart", root / "bpe")
    else:
        judged = [compare(root / "bpe", n, pathlib.Path(sys.argv[3])) for n in range(int(sys.argv[2]))]
        print("same, by rounding and other translations in all:", [sum(each) for each in zip(*judged)])
