"""The training of a translation recipe in PyTorch: same weights at the start, same batches, architecture, loss, optimizer,
schedule and dropout probabilities as rdrop-train's, to compare speed, losses and translations.

    bench-batches RECIPE --data BIN --dest TWIN [--updates N] [--set KEY=VALUE]...
    torch_twin.py TWIN [--threads N] [--bf16] [--log N] [--curve FILE] [--against TRAIN.JSONL] [--save FILE] [--warmup N]

prints, every --log updates (the recipe's log-interval), the means that rdrop-train prints, and at last TOKENS_PER_S: source and
target tokens a second, each pair once, of the updates after the first --warmup (3). --curve writes these means as lines of JSON;
--against prints how far they are from those of a training of ours; --save writes the last weights over a model.safetensors, so
that rdrop-translate translates with them. --bf16: matrix products under torch.autocast.

Tokens of a batch are padded to its longest; attention is torch's scaled_dot_product_attention. With dropout 0 the losses are ours
to rounding. Keys that this file does not know how to honour end it.
"""
import argparse
import json
import math
import time

import torch
import torch.nn.functional as F
import yaml
from safetensors.torch import load_file, save_file

# What must be as here; everything else that matters is read below.
PLAIN = {"task": "translation", "position-layout": "fairseq", "decoder-start": "eos", "head": "tokens", "pooling": "none",
         "layernorm-embedding": False, "output-bias": False, "encoder-learned-pos": False, "decoder-learned-pos": False,
         "no-decoder-final-norm": False, "drop-path": 0, "segment-types": 0, "adaptive-input": False,
         "adaptive-softmax-cutoff": "", "optimizer": "adam", "no-decay-bias-norm": False, "ema-decay": 0,
         "reg-alpha-warmup-updates": 0, "lr-period-updates": 0, "cutoff": "none"}


class Twin(torch.nn.Module):
    def __init__(self, recipe, weights):
        super().__init__()
        self.recipe, self.pad = recipe, recipe["pad-id"]
        self.w = torch.nn.ParameterDict({name.replace(".", "/"): torch.nn.Parameter(w) for name, w in weights.items()})
        d = recipe["encoder-embed-dim"]
        half = d // 2
        length = 2 + max(recipe["max-source-positions"], recipe["max-target-positions"])
        angles = torch.arange(length)[:, None] * torch.exp(torch.arange(half) * -(math.log(10000) / (half - 1)))
        self.table = F.pad(torch.cat([angles.sin(), angles.cos()], 1), (0, d % 2))

    def of(self, name):
        return self.w[name.replace(".", "/")]

    def drop(self, x, key="dropout"):
        return F.dropout(x, self.recipe[key], self.training)

    def linear(self, name, x):
        return F.linear(x, self.of(f"{name}.weight"), self.of(f"{name}.bias"))

    def norm(self, name, x):
        return F.layer_norm(x, x.shape[-1:], self.of(f"{name}.weight"), self.of(f"{name}.bias"), self.recipe["layer-norm-eps"])

    def embed(self, stack, ids):
        shared = self.recipe["share-all-embeddings"]
        table = self.of(f"{'encoder' if shared else stack}.embed_tokens.weight")
        scale = 1.0 if self.recipe["no-scale-embedding"] else math.sqrt(table.shape[1])
        return self.drop(scale * F.embedding(ids, table) + self.table[2:2 + ids.shape[1]])  # positions count from pad + 1 of fairseq

    def attend(self, name, heads, x, memory, mask):
        def split(part, y):
            return self.linear(f"{name}.{part}", y).view(y.shape[0], -1, heads, x.shape[-1] // heads).transpose(1, 2)

        y = F.scaled_dot_product_attention(split("q_proj", x), split("k_proj", memory), split("v_proj", memory), attn_mask=mask,
                                           dropout_p=self.recipe["attention-dropout"] if self.training else 0.0)
        return self.linear(f"{name}.out_proj", y.transpose(1, 2).reshape(x.shape))

    def feed_forward(self, layer, x):
        activation = getattr(F, self.recipe["activation-fn"].replace("swish", "silu"))
        return self.linear(f"{layer}.fc2", self.drop(activation(self.linear(f"{layer}.fc1", x)), "activation-dropout"))

    def stack(self, stack, ids, own_mask, memory=None, memory_mask=None):
        pre_norm, heads = self.recipe[f"{stack}-normalize-before"], self.recipe[f"{stack}-attention-heads"]

        def residual(name, x, f):
            return x + self.drop(f(self.norm(name, x))) if pre_norm else self.norm(name, x + self.drop(f(x)))

        x = self.embed(stack, ids)
        for i in range(self.recipe[f"{stack}-layers"]):
            layer = f"{stack}.layers.{i}"
            x = residual(f"{layer}.self_attn_layer_norm", x,
                         lambda y: self.attend(f"{layer}.self_attn", heads, y, y, own_mask))
            if memory is not None:
                x = residual(f"{layer}.encoder_attn_layer_norm", x,
                             lambda y: self.attend(f"{layer}.encoder_attn", heads, y, memory, memory_mask))
            x = residual(f"{layer}.final_layer_norm", x, lambda y: self.feed_forward(layer, y))
        return self.norm(f"{stack}.layer_norm", x) if pre_norm else x

    def projection(self):
        if self.recipe["share-all-embeddings"]:
            return self.of("encoder.embed_tokens.weight")
        return self.of("decoder.embed_tokens.weight" if self.recipe["share-decoder-input-output-embed"]
                       else "decoder.output_projection.weight")

    def forward(self, source, previous, real):
        """Logits of the real target tokens; real: [n, length] of the target."""
        sees = (source != self.pad)[:, None, None, :]
        causal = torch.ones(previous.shape[1], previous.shape[1], dtype=torch.bool).tril()
        memory = self.stack("encoder", source, sees)
        x = self.stack("decoder", previous, causal, memory, sees)  # what comes after a target's end is not looked at
        return F.linear(x[real], self.projection())


def padded(rows, pad):
    longest = max(map(len, rows))
    return torch.tensor([row + [pad] * (longest - len(row)) for row in rows])


def learning_rate(recipe, update):
    """As fairseq's schedulers set it: update k has the schedule's value after k - 1 updates."""
    done, warmup, lr = update - 1, recipe["warmup-updates"], recipe["lr"]
    if recipe["lr-scheduler"] == "fixed":
        done = update
    if done < warmup:
        return recipe["warmup-init-lr"] + (lr - recipe["warmup-init-lr"]) * done / warmup
    end, total = recipe["end-learning-rate"], recipe["total-num-update"] or recipe["max-update"]
    progress = min((done - warmup) / (total - warmup), 1.0) if total > warmup else 1.0
    return {"fixed": lambda: lr,
            "inverse_sqrt": lambda: lr * math.sqrt(max(warmup, 1) / max(done, warmup, 1)),
            "polynomial_decay": lambda: end + (lr - end) * (1 - progress) ** recipe["power"],
            "cosine": lambda: end + (lr - end) * 0.5 * (1 + math.cos(math.pi * progress))}[recipe["lr-scheduler"]]()


def losses(recipe, logits, targets):
    """Sums over the target tokens of one copy: loss, nll of a pass, KL. logits: [passes * targets, vocabulary]."""
    log_p = logits.float().log_softmax(-1)
    eps = recipe["label-smoothing"]
    passes = len(log_p) // len(targets)
    nll = F.nll_loss(log_p, targets.repeat(passes), reduction="sum")
    loss = (1 - eps) * nll - eps * log_p.mean(-1).sum()
    if passes == 1:
        return loss, nll, torch.zeros(())
    p, q = log_p.chunk(2)
    kl = 0.5 * (F.kl_div(p, q, reduction="sum", log_target=True) + F.kl_div(q, p, reduction="sum", log_target=True))
    return loss + recipe["reg-alpha"] * kl, nll / 2, kl


def make_optimizer(recipe, model):
    kind = torch.optim.AdamW if recipe["decoupled-weight-decay"] else torch.optim.Adam
    return kind(model.parameters(), lr=recipe["lr"], betas=recipe["adam-betas"], weight_decay=recipe["weight-decay"])


def step(recipe, model, optimizer, update, n_tokens):
    """fairseq adds epsilon before the bias correction of the second moment, torch after it."""
    for p in model.parameters():
        p.grad /= n_tokens
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), recipe["clip-norm"] or math.inf)
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(recipe, update)
        group["eps"] = recipe["adam-eps"] / math.sqrt(1 - recipe["adam-betas"][1] ** update)
    optimizer.step()
    return norm.item()


def accumulate(recipe, model, batch, bf16):
    """Forward and backward of one batch; the sums of loss, nll, KL and target tokens."""
    passes = 2 if recipe["reg-alpha"] > 0 else 1
    source = padded([pair[0] for pair in batch], model.pad)
    target = padded([pair[1] for pair in batch], model.pad)
    real = padded([[1] * len(pair[1]) for pair in batch], 0).bool()
    previous = torch.cat([torch.full((len(batch), 1), recipe["eos-id"]), target[:, :-1]], 1)
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        logits = model(source.repeat(passes, 1), previous.repeat(passes, 1), real.repeat(passes, 1))
    sums = losses(recipe, logits, target[real])
    sums[0].backward()
    return [s.item() for s in sums] + [int(real.sum())]


def train(recipe, model, batches, a):
    optimizer = make_optimizer(recipe, model)
    curve, window, speed = [], [0.0] * 5, [0, 0.0]
    log = a.log or recipe["log-interval"]
    for update, line in enumerate(batches, 1):
        start, sums = time.perf_counter(), [0.0] * 4
        optimizer.zero_grad(set_to_none=True)
        micro = json.loads(line)
        for batch in micro:
            sums = [x + y for x, y in zip(sums, accumulate(recipe, model, batch, a.bf16))]
        norm = step(recipe, model, optimizer, update, sums[3])
        window = [x + y for x, y in zip(window, sums + [norm])]
        if update > a.warmup:
            speed[0] += sum(len(pair[0]) + len(pair[1]) for batch in micro for pair in batch)
            speed[1] += time.perf_counter() - start
        if update % log == 0:
            loss, nll, kl = (x / window[3] for x in window[:3])
            curve.append({"update": update, "loss": loss, "nll": nll, "kl": kl, "lr": learning_rate(recipe, update),
                          "gnorm": window[4] / log})
            print(f"update {update} loss {loss:.4f} nll {nll:.4f} kl {kl:.4f} gnorm {curve[-1]['gnorm']:.4f}", flush=True)
            window = [0.0] * 5
    if speed[1]:
        print(f"TOKENS_PER_S {speed[0] / speed[1]:.1f}")
    return curve


def compare(curve, path):
    """The largest relative differences from a training of ours with the same log-interval."""
    with open(path, encoding="utf-8") as file:
        ours = {event["update"]: event for event in map(json.loads, file) if event["event"] == "train"}
    shared = [(ours[row["update"]], row) for row in curve if row["update"] in ours]
    if not shared:
        raise SystemExit(f"{path}: has none of the updates; log-interval must be --log")
    for key in ("loss", "nll", "kl", "gnorm"):
        far = max(abs(o[key] - t[key]) / max(abs(t[key]), 1e-3) for o, t in shared)
        print(f"{key}: at most {far:.1e} of it apart in {len(shared)} points; last {shared[-1][0][key]:.4f} and {shared[-1][1][key]:.4f}")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("twin")
    for name in ("--threads", "--log"):
        p.add_argument(name, type=int, default=0)
    p.add_argument("--warmup", type=int, default=3)
    p.add_argument("--bf16", action="store_true")
    for name in ("--curve", "--against", "--save"):
        p.add_argument(name)
    a = p.parse_args()
    if a.threads:
        torch.set_num_threads(a.threads)
    with open(f"{a.twin}/recipe.yaml", encoding="utf-8") as file:
        recipe = {key: float(value) if isinstance(value, str) and value[:1].isdigit() else value
                  for key, value in yaml.safe_load(file).items()}  # YAML 1.1 takes 1e-08 for text
    for key, value in PLAIN.items():
        if recipe[key] != value:
            raise SystemExit(f"{a.twin}/recipe.yaml: {key} is {recipe[key]!r}; this twin knows {value!r} alone")
    torch.manual_seed(recipe["seed"])
    model = Twin(recipe, load_file(f"{a.twin}/model/model.safetensors")).train()
    with open(f"{a.twin}/batches.jsonl", encoding="utf-8") as batches:
        curve = train(recipe, model, batches, a)
    if a.curve:
        with open(a.curve, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in curve)
    if a.against:
        compare(curve, a.against)
    if a.save:
        save_file({name.replace("/", "."): w.detach() for name, w in model.w.items()}, a.save)


main()
