"""A recipe's training in PyTorch: loss, optimizer, schedule and the numbers that rdrop-train prints."""
import json
import math
import time

import torch
import torch.nn.functional as F


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
    """Sums over the targets of one copy: loss, nll of a pass, KL. logits: [passes * targets, classes]."""
    log_p = logits.float().log_softmax(-1)
    eps = recipe["label-smoothing"]
    passes = len(log_p) // len(targets)
    nll = F.nll_loss(log_p, targets.repeat(passes), reduction="sum")
    loss = (1 - eps) * nll - eps * log_p.mean(-1).sum() if eps > 0 else nll
    if passes == 1:
        return loss, nll, torch.zeros(())
    p, q = log_p.chunk(2)
    kl = 0.5 * ((p.exp() - q.exp()) * (p - q)).sum()
    return loss + recipe["reg-alpha"] * kl, nll / 2, kl


def make_optimizer(recipe, model):
    """PyTorch's fused steps."""
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    plain = [p for name, p in named if recipe["no-decay-bias-norm"] and (name.endswith("bias") or "norm" in name.lower())]
    chosen = {id(p) for p in plain}
    groups = [{"params": [p for _, p in named if id(p) not in chosen]}, {"params": plain, "weight_decay": 0.0}]
    groups = [group for group in groups if group["params"]]
    if recipe["optimizer"] == "sgd":
        return torch.optim.SGD(groups, lr=recipe["lr"], momentum=recipe["momentum"], weight_decay=recipe["weight-decay"], fused=True)
    kind = torch.optim.AdamW if recipe["decoupled-weight-decay"] else torch.optim.Adam
    return kind(groups, lr=recipe["lr"], betas=recipe["adam-betas"], weight_decay=recipe["weight-decay"], fused=True)


def step(recipe, model, optimizer, update, n_targets):
    """fairseq adds epsilon before the bias correction of the second moment, torch after it."""
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    torch._foreach_div_(gradients, n_targets)
    if recipe["clip-norm"]:
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), recipe["clip-norm"])
    else:
        norm = torch.nn.utils.get_total_norm(gradients)
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(recipe, update)
        if recipe["optimizer"] == "adam" and not recipe["adam-eps-last"]:
            group["eps"] = recipe["adam-eps"] / math.sqrt(1 - recipe["adam-betas"][1] ** update)
    optimizer.step()
    return norm.item()


def accumulate(recipe, model, batch, bf16):
    """Forward and backward of one batch; the sums of loss, nll, KL and targets. A model gives logits and targets of each of its
    distributions, the first of which is over all targets."""
    passes = 2 if recipe["reg-alpha"] > 0 else 1
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        parts = model(batch, passes)
    sums = [sum(part) for part in zip(*(losses(recipe, logits, targets) for logits, targets in parts))]
    sums[0].backward()
    return [s.item() for s in sums] + [len(parts[0][1])]


class Speed:
    """What was read in the updates after the first ones, and the time that took: of a clock, and of all threads."""

    def __init__(self, warmup):
        self.warmup, self.items, self.seconds, self.cpu = warmup, 0, 0.0, 0.0

    def start(self):
        self.clocks = time.perf_counter(), time.process_time()

    def stop(self, update, items):
        if update > self.warmup:
            self.items += items
            self.seconds += time.perf_counter() - self.clocks[0]
            self.cpu += time.process_time() - self.clocks[1]

    def tell(self):
        if self.items:
            print(f"TOKENS_PER_S {self.items / self.seconds:.6g}\nTOKENS_PER_CPU_S {self.items / self.cpu:.6g}", flush=True)


def train(recipe, model, updates, a, after_update=None):
    """updates: a list of batches each."""
    optimizer = make_optimizer(recipe, model)
    curve, window, speed = [], [0.0] * 5, Speed(a.warmup)
    log = a.log or recipe["log-interval"]
    for update, micro in enumerate(updates, 1):
        speed.start()
        sums = [0.0] * 4
        optimizer.zero_grad(set_to_none=True)
        for batch in micro:
            sums = [x + y for x, y in zip(sums, accumulate(recipe, model, batch, a.bf16))]
        norm = step(recipe, model, optimizer, update, sums[3])
        speed.stop(update, sum(model.size_of(batch) for batch in micro))
        window = [x + y for x, y in zip(window, sums + [norm])]
        if update % log == 0:
            loss, nll, kl = (x / window[3] for x in window[:3])
            curve.append({"update": update, "loss": loss, "nll": nll, "kl": kl, "lr": learning_rate(recipe, update),
                          "gnorm": window[4] / log})
            print(f"update {update} loss {loss:.4f} nll {nll:.4f} kl {kl:.4f} gnorm {curve[-1]['gnorm']:.4f}", flush=True)
            window = [0.0] * 5
        if after_update:
            after_update(update)
    speed.tell()
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
