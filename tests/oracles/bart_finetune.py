"""Fine-tuning BART without dropout: losses and weights by PyTorch, from the models that transformers loads.

    bart_finetune.py GOLDEN_DIR          writes GOLDEN_DIR/bart/finetuned.safetensors and finetuned.json: a few updates of
                                         the model in GOLDEN_DIR/bart, whose bias is trained as well,
                                         with the weights under the names that they have here
    bart_finetune.py GOLDEN_DIR N BIN    compares N random models, corpora and settings with rdrop-convert, -preprocess
                                         and -train of BIN instead

The loss is the sum of label-smoothed cross-entropies over the number of target tokens, of both passes with R-Drop (which
are the same without dropout, so that KL is 0). Biases of keys change no attention: their gradient is nothing but
rounding, of which Adam with a small eps makes steps of up to lr, so theirs is told apart. The optimizer is torch.optim.AdamW; fairseq adds eps before the bias
correction, so what PyTorch gets is eps / sqrt(1 - beta2^t). Everything in float64.
"""
import json
import math
import pathlib
import random
import subprocess
import sys
import tempfile

import torch
from safetensors.torch import load_file, save_file
from transformers import BartForConditionalGeneration, BartTokenizer

import bart_golden

PAIRS = [("The house is small.", "small house"), ("A red dog runs over the green hill", "dog: runs"),
         ("zwei Häuser — und ein König!", "König"), ("x", "y z")]
SETTINGS = dict(lr=1e-3, betas=[0.9, 0.999], eps=1e-6, weight_decay=0.01, clip_norm=0.1, label_smoothing=0.1, reg_alpha=0.7,
                updates=4)


def load(directory):
    return BartForConditionalGeneration.from_pretrained(directory).double().eval()


def ours(name):
    for theirs, here in (("model.", ""), ("shared", "encoder.embed_tokens"), ("final_logits_bias", "decoder.output_projection.bias")):
        name = name.replace(theirs, here)
    return name


def loss_of(model, source, target, eps):
    """Sums over one pair's target tokens."""
    logits = model(input_ids=torch.tensor([source]), decoder_input_ids=torch.tensor([[2] + target[:-1]])).logits[0]
    log_probs = logits.log_softmax(-1)
    nll = -log_probs.gather(1, torch.tensor(target).unsqueeze(1)).sum()
    return (1 - eps) * nll - eps * log_probs.mean(1).sum()


def finetune(model, pairs, s):
    """Losses and gradient norms of the updates, each of all pairs; the model is changed."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=s["lr"], betas=s["betas"], weight_decay=s["weight_decay"])
    passes, n = 2 if s["reg_alpha"] > 0 else 1, sum(len(target) for _, target in pairs)
    losses, norms = [], []
    for t in range(1, s["updates"] + 1):
        optimizer.zero_grad()
        loss = passes * sum(loss_of(model, source, target, s["label_smoothing"]) for source, target in pairs) / n
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), s["clip_norm"] or math.inf).item())
        optimizer.param_groups[0]["eps"] = s["eps"] / math.sqrt(1 - s["betas"][1] ** t)
        optimizer.step()
        losses.append(loss.item())
    return losses, norms


def golden(directory):
    tokenizer = BartTokenizer(str(directory / "vocab.json"), str(directory / "merges.txt"))
    pairs = [(tokenizer(source).input_ids, tokenizer(target).input_ids) for source, target in PAIRS]
    model = load(directory)
    bias = model.final_logits_bias[0]
    del model.final_logits_bias
    model.final_logits_bias = torch.nn.Parameter(bias)
    losses, norms = finetune(model, pairs, SETTINGS)
    save_file({ours(name): value.detach().float().clone() for name, value in model.named_parameters()},
              directory / "finetuned.safetensors")
    result = SETTINGS | {"losses": losses, "norms": norms, "sources": [p[0] for p in pairs], "targets": [p[1] for p in pairs]}
    (directory / "finetuned.json").write_text(json.dumps(result) + "\n")


RECIPE = """
source-lang: source
target-lang: target
trainpref: train
validpref: train
arch: bart-base
dropout: 0
attention-dropout: 0
adam-betas: [{betas[0]}, {betas[1]}]
adam-eps: {eps}
weight-decay: {weight_decay}
lr: {lr}
lr-scheduler: fixed
warmup-updates: 0
clip-norm: {clip_norm}
label-smoothing: {label_smoothing}
reg-alpha: {reg_alpha}
max-tokens: 100000
max-update: {updates}
validate-interval-updates: {updates}
log-interval: 1
threads: 1
precision: fp32
"""


def compare(bpe, number, binaries):
    rng = random.Random(number)
    heads = rng.choice([1, 2, 4])
    shape = dict(d_model=4 * heads * rng.randint(1, 4), encoder_layers=rng.randint(1, 3), decoder_layers=rng.randint(1, 3),
                 encoder_attention_heads=heads, decoder_attention_heads=heads, encoder_ffn_dim=rng.randint(3, 40),
                 decoder_ffn_dim=rng.randint(3, 40), activation_function=rng.choice(["gelu", "relu"]),
                 scale_embedding=rng.random() < 0.5)
    s = dict(lr=rng.choice([3e-5, 1e-3]), betas=[0.9, rng.choice([0.98, 0.999])], eps=rng.choice([1e-6, 1e-8]),
             weight_decay=rng.choice([0, 0.01, 0.1]), clip_norm=rng.choice([0, 0.1, 1]), updates=rng.randint(1, 6),
             label_smoothing=rng.choice([0, 0.1]), reg_alpha=rng.choice([0, 0.7]))
    words = " ".join(bart_golden.SENTENCES).split()
    with tempfile.TemporaryDirectory() as temporary:
        t = pathlib.Path(temporary)
        model, tokenizer = bart_golden.make(t / "hf", bpe, number, shape, dict(max_length=12))
        model.final_logits_bias.zero_()
        model.save_pretrained(t / "hf")
        texts = [tuple(" ".join(rng.choices(words, k=rng.randint(1, 8))) for _ in range(2)) for _ in range(rng.randint(2, 9))]
        (t / "data").mkdir()
        for side, name in enumerate(("source", "target")):
            (t / f"data/train.{name}").write_text("".join(text[side] + "\n" for text in texts), encoding="utf-8")
        (t / "r.yaml").write_text(f"finetune-from-model: {t}/model" + RECIPE.format(**s))
        bart_golden.run(binaries / "rdrop-convert", "--import", t / "hf", "--output", t / "model")
        for program, *rest in (("rdrop-preprocess", "--data", t / "data", "--dest", t / "bin"),
                               ("rdrop-train", "--data", t / "bin", "--save-dir", t / "out")):
            subprocess.run([str(binaries / program), str(t / "r.yaml"), *map(str, rest)], check=True, capture_output=True)
        bart_golden.run(binaries / "rdrop-convert", "--export", t / "out/model", "--output", t / "tuned")
        events = map(json.loads, (t / "out/train.jsonl").read_text().splitlines())
        found = [event["loss"] for event in events if event["event"] == "train"]
        reference = load(t / "hf")
        pairs = [tuple(tokenizer(text).input_ids for text in pair) for pair in texts]
        losses, _ = finetune(reference, pairs, s)
        tuned = load_file(t / "tuned/model.safetensors")
        far = {name: (value.detach() - tuned[name].double()).abs().max().item() for name, value in reference.named_parameters()}
        keys = max(value for name, value in far.items() if "k_proj.bias" in name)
        far = max(value for name, value in far.items() if "k_proj.bias" not in name)
        loss = max(abs(got / want - 1) for got, want in zip(found, losses, strict=True))
        print(number, f"losses differ by {loss:.1e} of them, weights by {far:.1e}, keys' biases by {keys:.1e}", shape["d_model"], s, flush=True)
        return loss, far


if __name__ == "__main__":
    root = pathlib.Path(sys.argv[1])
    if len(sys.argv) == 2:
        golden(root / "bart")
    else:
        found = [compare(root / "bpe", n, pathlib.Path(sys.argv[3])) for n in range(int(sys.argv[2]))]
        print("farthest loss", max(loss for loss, _ in found), "farthest weight", max(far for _, far in found))
