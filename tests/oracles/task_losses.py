"""R-Drop's losses of classes, numbers and adaptive softmax, by PyTorch's automatic differentiation, in float64.

    task_losses.py GOLDEN.json          recomputes every case and fails if one number differs by 1e-7
    task_losses.py GOLDEN.json OUT      writes the file again, with outputs recomputed from its inputs

A golden file has lists of cases: classes, value, kl, adaptive; its inputs are exact in float32. Class weights are those of
torch.nn.functional.cross_entropy, which this script calls for them; its mean is not used.
"""
import json
import sys

import torch
import torch.nn.functional as F


def tensor(values, grad=True):
    return torch.tensor(values, dtype=torch.float64, requires_grad=grad)


def distance(a, b):
    """[rows]: half the sum of both directions of the KL."""
    log_p, log_q = a.log_softmax(-1), b.log_softmax(-1)
    return 0.5 * ((log_p.exp() - log_q.exp()) * (log_p - log_q)).sum(-1)


def classes(case):
    a, b = tensor(case["logits1"]), tensor(case["logits2"])
    weights = tensor(case["class_weights"], False) if "class_weights" in case else None
    labels = torch.tensor(case["labels"])
    counts, n = labels >= 0, case["batch"]

    def cross_entropy(wanted):
        return sum(F.cross_entropy(x[counts], wanted[counts], weight=weights, reduction="none",
                                   label_smoothing=case["label_smoothing"]) for x in (a, b))

    ce = cross_entropy(labels)
    if "shares" in case:
        shares = tensor(case["shares"], False)[counts]
        ce = shares * ce + (1 - shares) * cross_entropy(torch.tensor(case["other_labels"]))
    kl = distance(a, b)[counts].sum()
    loss = ce.sum() / n + case["reg_alpha"] * (kl / n if case["kl_reduction"] == "mean" else kl)
    loss.backward()
    return {"ce_sum": ce.sum().item(), "kl_sum": kl.item(), "loss": loss.item(),
            "dlogits1": a.grad.tolist(), "dlogits2": b.grad.tolist()}


def value(case):
    a, b, targets = tensor(case["value1"]), tensor(case["value2"]), tensor(case["targets"], False)
    loss = F.mse_loss(a, targets) + F.mse_loss(b, targets) + case["reg_alpha"] * F.mse_loss(a, b)
    loss.backward()
    return {"loss": loss.item(), "dvalue1": a.grad.tolist(), "dvalue2": b.grad.tolist()}


def kl(case):
    p, q = tensor(case["p_logits"]), tensor(case["q_logits"])
    rows = distance(p, q)[torch.tensor(case["counts"])]
    result = rows.mean() if case["reduction"] == "mean" else rows.sum()
    result.backward()
    return {"kl": result.item(), "dp": p.grad.tolist(), "dq": q.grad.tolist()}


def log_probs(heads, tails, n_head):
    """[rows, vocabulary] of one pass."""
    log_head = heads.log_softmax(-1)
    parts = [log_head[:, :n_head]]
    for i, logits in enumerate(tails):
        parts.append(log_head[:, n_head + i].unsqueeze(-1) + logits.log_softmax(-1))
    return torch.cat(parts, -1)


def adaptive(case):
    """Label smoothing and the exact KL are those of the distribution over the whole vocabulary."""
    head, hidden = tensor(case["head"]), [tensor(case["hidden1"]), tensor(case["hidden2"])]
    tails = [(tensor(tail["projection"]), tensor(tail["words"])) for tail in case["tails"]]
    targets, cutoffs, eps = torch.tensor(case["targets"]), case["cutoffs"], case["label_smoothing"]
    counts = targets >= 0
    targets, rows = targets[counts], [x[counts] for x in hidden]
    heads = [x @ head.T for x in rows]
    logits = [[x @ projection.T @ words.T for projection, words in tails] for x in rows]
    both = [log_probs(h, t, cutoffs[0]) for h, t in zip(heads, logits)]
    nll = sum(-x.gather(-1, targets.unsqueeze(-1)).sum() for x in both)
    ce = (1 - eps) * nll - eps * sum(x.mean(-1).sum() for x in both)
    if case["form"] == "exact":
        kl_sum = distance(*both).sum()
    else:
        kl_sum = distance(*heads).sum()
        for i in range(len(tails)):
            inside = (targets >= cutoffs[i]) & (targets < cutoffs[i + 1])
            kl_sum = kl_sum + distance(logits[0][i][inside], logits[1][i][inside]).sum()
    loss = ce + case["reg_alpha"] * kl_sum
    loss.backward()
    inputs = hidden + [head] + [x for tail in tails for x in tail]
    return {"nll_sum": nll.item(), "label_smoothed_sum": ce.item(), "kl_sum": kl_sum.item(), "loss_sum": loss.item(),
            "gradients": [x.grad.tolist() for x in inputs]}


def difference(new, old):
    if isinstance(new, list) and new and isinstance(new[0], list):
        return max(difference(a, b) for a, b in zip(new, old, strict=True))
    new, old = (torch.tensor(x, dtype=torch.float64) for x in (new, old))
    return ((new - old).abs().max() / old.abs().max().clamp(min=1e-12)).item()


def rounded(x):
    if isinstance(x, float):
        return float(f"{x:.9g}")
    return [rounded(y) for y in x] if isinstance(x, list) else x


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        golden = json.load(file)
    worst, n = 0.0, 0
    for name, function in (("classes", classes), ("value", value), ("kl", kl), ("adaptive", adaptive)):
        for case in golden.get(name, []):
            n += 1
            for key, result in function(case).items():
                worst = max(worst, difference(result, case[key]) if key in case else 0.0)
                case[key] = rounded(result)
    if len(sys.argv) > 2:
        with open(sys.argv[2], "w", encoding="utf-8") as file:
            json.dump(golden, file)
    print(f"{n} cases, largest relative difference {worst:.3g}")
    sys.exit(worst > 1e-7)


if __name__ == "__main__":
    main()
