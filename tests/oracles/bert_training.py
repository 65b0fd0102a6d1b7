"""Whether fine-tuning a BERT here goes as in PyTorch: the same weights, the same batches, no dropout, AdamW.

    bert_training.py BIN_DIR VOCAB_DIR [UPDATES]

A random small BERT with a head of three classes, and one of a number, is trained on 24 sentence pairs, all in each batch, here
(rdrop-train from the imported model) and there; with two equal passes, so that R-Drop's loss is counted too. Prints the largest
differences of losses and, after the first update and the last, of weights.
"""
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import torch
from safetensors.torch import load_file
from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

WORDS = "the a cat dog house green small runs sleeps over under who what not very was is and but tree".split()
LR, EPS, DECAY, BETAS, CLIP = 1e-3, 1e-6, 0.01, (0.9, 0.98), 1.0


def run(*command):
    return subprocess.run([str(c) for c in command], check=True, capture_output=True, text=True).stdout


def recipe(work, name, number, alpha, updates):
    keys = {"task": "sentence_prediction", "trainpref": "t.tsv", "validpref": "t.tsv", "sentence2-column": "sentence2",
            "finetune-from-model": work / "start", "regression-target": str(number).lower(), "head-transform": "tanh",
            "dropout": 0, "attention-dropout": 0, "adam-betas": list(BETAS), "adam-eps": EPS, "weight-decay": DECAY, "lr": LR,
            "no-decay-bias-norm": "true", "clip-norm": CLIP, "lr-scheduler": "fixed", "warmup-updates": 0, "reg-alpha": alpha,
            "max-sentences": 24, "max-tokens": 0, "max-update": updates, "log-interval": 1, "precision": "fp32"}
    path = work / f"{name}.yaml"
    path.write_text("".join(f"{key}: {value}\n" for key, value in keys.items()))
    return path


def train_here(bin_dir, work, number, alpha, updates):
    name = f"r{updates}-{alpha}"
    path = recipe(work, name, number, alpha, updates)
    run(bin_dir / "rdrop-preprocess", path, "--data", work, "--dest", work / name)
    run(bin_dir / "rdrop-train", path, "--data", work / name, "--save-dir", work / (name + "-out"))
    events = [json.loads(line) for line in (work / (name + "-out") / "train.jsonl").read_text().splitlines()]
    losses = [event["loss"] for event in events if event["event"] == "train"]
    # the last weights are the checkpoint's, whatever was the best
    last = sorted((work / (name + "-out") / "checkpoints").iterdir())[-1]
    model = work / (name + "-out") / "model"
    (model / "model.safetensors").write_bytes(last.read_bytes())
    run(bin_dir / "rdrop-convert", "--export", model, "--output", work / (name + "-hf"))
    return losses, load_file(work / (name + "-hf") / "model.safetensors")


class AdamW(torch.optim.Optimizer):
    """As in fairseq and in the transformers of R-Drop's authors: epsilon is added before the bias correction of v, unlike in
    torch.optim.AdamW, which tells where gradients are about as small as epsilon."""

    def __init__(self, groups):
        super().__init__(groups, {"weight_decay": 0.0})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                t = state["t"] = state.get("t", 0) + 1
                m = state["m"] = BETAS[0] * state.get("m", 0) + (1 - BETAS[0]) * p.grad
                v = state["v"] = BETAS[1] * state.get("v", 0) + (1 - BETAS[1]) * p.grad**2
                p.mul_(1 - LR * group["weight_decay"])
                p.sub_(LR * (1 - BETAS[1]**t)**0.5 / (1 - BETAS[0]**t) * m / (v.sqrt() + EPS))


def train_there(work, tokenizer, rows, number, passes, updates):
    model = BertForSequenceClassification.from_pretrained(work / "hf").train()
    plain = [p for n, p in model.named_parameters() if n.endswith("bias") or "LayerNorm" in n]
    decayed = [p for n, p in model.named_parameters() if not (n.endswith("bias") or "LayerNorm" in n)]
    optimizer = AdamW([{"params": plain, "weight_decay": 0.0}, {"params": decayed, "weight_decay": DECAY}])
    inputs = tokenizer([r[0] for r in rows], [r[1] for r in rows], return_tensors="pt", padding=True)
    labels = torch.tensor([float(r[2]) if number else int(r[2]) for r in rows])
    losses = []
    for _ in range(updates):
        logits = model(**inputs).logits
        one = torch.nn.functional.mse_loss(logits[:, 0], labels) if number else torch.nn.functional.cross_entropy(logits, labels)
        loss = passes * one
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        losses.append(loss.item())
    return losses, model.state_dict()


def weight_distance(ours, theirs):
    return max((ours[name] - theirs[name]).abs().max().item() for name in ours)


def check(bin_dir, vocab, number, updates):
    rng = random.Random(1)
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        tokenizer = BertTokenizerFast(vocab=str(vocab / "vocab.txt"))
        config = BertConfig(vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                            intermediate_size=48, num_labels=1 if number else 3, hidden_dropout_prob=0.0,
                            attention_probs_dropout_prob=0.0)
        torch.manual_seed(2)
        BertForSequenceClassification(config).save_pretrained(work / "hf")
        tokenizer.save_pretrained(work / "hf")
        sentence = lambda: " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 12)))
        rows = [(sentence(), sentence(), f"{rng.uniform(0, 5):.2f}" if number else str(i % 3)) for i in range(24)]
        (work / "t.tsv").write_text("sentence1\tsentence2\tlabel\n" + "".join("\t".join(row) + "\n" for row in rows))
        run(bin_dir / "rdrop-convert", "--import", work / "hf", "--output", work / "start")
        for alpha in (0, 1):
            theirs = {n: train_there(work, tokenizer, rows, number, 2 if alpha else 1, n) for n in (1, updates)}
            ours = {n: train_here(bin_dir, work, number, alpha, n) for n in (1, updates)}
            losses = max(abs(a - b) for a, b in zip(ours[updates][0], theirs[updates][0], strict=True))
            print(f"{'number' if number else 'classes'}, reg-alpha {alpha}: losses of {updates} updates within {losses:.1e} "
                  f"(from {theirs[updates][0][0]:.3f} to {theirs[updates][0][-1]:.3f}); weights within "
                  f"{weight_distance(ours[1][1], theirs[1][1]):.1e} after one update, "
                  f"{weight_distance(ours[updates][1], theirs[updates][1]):.1e} after the last")


def main():
    torch.set_num_threads(1)
    for number in (False, True):
        check(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), number, int((sys.argv[3:] or [40])[0]))


main()
