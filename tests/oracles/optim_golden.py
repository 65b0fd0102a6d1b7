"""Several steps of PyTorch's optimizers on random gradients, and fairseq's learning-rate schedules.

    optim_golden.py > GOLDEN.json

Everything in float64. fairseq's adam is torch.optim.AdamW but for eps, which it adds to sqrt(v) before the bias
correction; an eps divided by sqrt(1 - beta2^t) makes PyTorch do the same. Clipping is
torch.nn.utils.clip_grad_norm_. The schedules are written from fairseq's documentation of them. Its trainer asks them
for the next rate with the number of updates done, at first 0, so update t (1 is the first) has the rate of t - 1;
fixed alone adds 1 to that number in warmup.

fairseq's nag keeps momentum in units of the learning rate, and is torch.optim.SGD with nesterov otherwise; its weight
decay comes first. Cosine with periods is fairseq's, and PyTorch's CosineAnnealingWarmRestarts where nothing shrinks,
which is checked here.
"""
import json
import math

import torch

PARAMETERS, STEPS = 17, 8
ADAM = [
    dict(name="plain", lr=0.01, beta1=0.9, beta2=0.98, eps=1e-8, weight_decay=0.0, decoupled=False, clip_norm=0.0),
    dict(name="large eps", lr=0.01, beta1=0.9, beta2=0.999, eps=0.05, weight_decay=0.0, decoupled=False, clip_norm=0.0),
    dict(name="L2", lr=0.02, beta1=0.8, beta2=0.95, eps=1e-6, weight_decay=0.05, decoupled=False, clip_norm=0.0),
    dict(name="decoupled", lr=0.02, beta1=0.9, beta2=0.98, eps=1e-8, weight_decay=0.5, decoupled=True, clip_norm=0.0),
    dict(name="torch's own eps", lr=0.01, beta1=0.9, beta2=0.999, eps=0.05, weight_decay=0.1, decoupled=True, clip_norm=0.0,
         eps_last=True),
    dict(name="clipped", lr=0.01, beta1=0.9, beta2=0.98, eps=1e-3, weight_decay=0.1, decoupled=True, clip_norm=1.5),
]
MOMENTUM = [
    dict(name="sgd", kind="sgd", momentum=0.9, weight_decay=0.0, decoupled=True, clip_norm=0.0),
    dict(name="sgd without momentum", kind="sgd", momentum=0.0, weight_decay=0.0, decoupled=True, clip_norm=0.0),
    dict(name="sgd, L2, clipped", kind="sgd", momentum=0.8, weight_decay=0.05, decoupled=False, clip_norm=1.0),
    dict(name="nag", kind="nag", momentum=0.99, weight_decay=0.0, decoupled=True, clip_norm=0.1),
    dict(name="nag, decoupled", kind="nag", momentum=0.9, weight_decay=0.2, decoupled=True, clip_norm=0.0),
]
# Rates of MOMENTUM: they rise and fall, since nag's correction is for rates that change.
RATES = dict(scheduler="inverse_sqrt", lr=0.3, warmup=3, init=0.05, total=0, end=0.0, power=1.0)
SHAPES = [[3, 4], [4], [2, 3], [3], [1]]  # of the weights of EXEMPT: vectors have no weight decay
EXEMPT = dict(name="exempt", lr=0.02, beta1=0.9, beta2=0.98, eps=1e-6, weight_decay=0.4, decoupled=True, clip_norm=0.0)
SCHEDULES = [
    dict(scheduler="fixed", lr=3e-4, warmup=0, init=0.0, total=0, end=0.0, power=1.0),
    dict(scheduler="fixed", lr=3e-4, warmup=10, init=1e-7, total=0, end=0.0, power=1.0),
    dict(scheduler="inverse_sqrt", lr=5e-4, warmup=4000, init=1e-7, total=0, end=0.0, power=1.0),
    dict(scheduler="inverse_sqrt", lr=7e-4, warmup=1, init=0.0, total=0, end=0.0, power=1.0),
    dict(scheduler="polynomial_decay", lr=3e-5, warmup=500, init=0.0, total=20000, end=1e-7, power=1.0),
    dict(scheduler="polynomial_decay", lr=1e-3, warmup=0, init=0.0, total=5000, end=1e-5, power=2.5),
    dict(scheduler="cosine", lr=1e-3, warmup=100, init=1e-6, total=6000, end=1e-6, power=1.0),
    dict(scheduler="cosine", lr=1e-3, warmup=0, init=0.0, total=6000, end=0.0, power=1.0),
    dict(scheduler="cosine", lr=1.0, warmup=16, init=1e-7, total=0, end=1e-4, power=1.0, period=100, mult=2, shrink=0.75),
    dict(scheduler="cosine", lr=0.5, warmup=10, init=0.0, total=0, end=1e-3, power=1.0, period=90, mult=1, shrink=0.1),
    dict(scheduler="cosine", lr=0.5, warmup=0, init=0.0, total=0, end=1e-3, power=1.0, period=500, mult=3, shrink=1.0),
    dict(scheduler="cosine", lr=0.5, warmup=0, init=0.0, total=0, end=0.0, power=1.0, period=10, mult=1, shrink=1.0),
]
UPDATES = [1, 2, 9, 10, 11, 99, 100, 101, 499, 500, 501, 2500, 3999, 4000, 4001, 4999, 5000, 6000, 6001, 19999,
           20000, 50000]
EMA_DECAY = 0.4


def adam(case):
    generator = torch.Generator().manual_seed(len(case["name"]))
    weights = torch.randn(PARAMETERS, generator=generator).double().requires_grad_()
    kind = torch.optim.AdamW if case["decoupled"] else torch.optim.Adam
    optimizer = kind([weights], lr=case["lr"], betas=(case["beta1"], case["beta2"]), weight_decay=case["weight_decay"])
    ema = weights.detach().clone()
    result = {"start": weights.tolist(), "steps": []}
    for t in range(1, STEPS + 1):
        gradient = torch.randn(PARAMETERS, generator=generator).double() * (0.1 if t % 3 == 0 else 20)
        scale = 1 / (10 + t)
        weights.grad = gradient * scale
        bound = case["clip_norm"] or math.inf
        norm = torch.nn.utils.clip_grad_norm_([weights], bound).item()
        if not case.get("eps_last"):
            optimizer.param_groups[0]["eps"] = case["eps"] / math.sqrt(1 - case["beta2"] ** t)
        else:
            optimizer.param_groups[0]["eps"] = case["eps"]
        optimizer.step()
        decay = min(EMA_DECAY, (1 + t) / (10 + t))
        ema = decay * ema + (1 - decay) * weights.detach()
        result["steps"].append({"gradient": gradient.tolist(), "scale": scale, "norm": norm,
                                "weights": weights.tolist(), "ema": ema.tolist()})
    return case | result


def momentum(case):
    generator = torch.Generator().manual_seed(len(case["name"]))
    weights = torch.randn(PARAMETERS, generator=generator).double().requires_grad_()
    l2 = 0.0 if case["decoupled"] else case["weight_decay"]
    optimizer = torch.optim.SGD([weights], lr=1.0, momentum=case["momentum"], weight_decay=l2,
                                nesterov=case["kind"] == "nag")
    result = {"start": weights.tolist(), "steps": []}
    for t in range(1, STEPS + 1):
        lr = learning_rate(RATES, t)
        gradient = torch.randn(PARAMETERS, generator=generator).double() * (0.1 if t % 3 == 0 else 20)
        scale = 1 / (10 + t)
        weights.grad = gradient * scale
        norm = torch.nn.utils.clip_grad_norm_([weights], case["clip_norm"] or math.inf).item()
        optimizer.param_groups[0]["lr"] = lr
        if case["decoupled"]:
            weights.data.mul_(1 - lr * case["weight_decay"])
        optimizer.step()
        result["steps"].append({"gradient": gradient.tolist(), "scale": scale, "norm": norm, "weights": weights.tolist()})
    return case | result


def exempt():
    generator = torch.Generator().manual_seed(4)
    tensors = [torch.randn(shape, generator=generator).double().requires_grad_() for shape in SHAPES]
    groups = [dict(params=[x for x in tensors if x.dim() > 1]),
              dict(params=[x for x in tensors if x.dim() == 1], weight_decay=0.0)]
    optimizer = torch.optim.AdamW(groups, lr=EXEMPT["lr"], betas=(EXEMPT["beta1"], EXEMPT["beta2"]),
                                  weight_decay=EXEMPT["weight_decay"])

    def flat(of):
        return torch.cat([of(x).detach().flatten() for x in tensors]).tolist()

    result = EXEMPT | {"shapes": SHAPES, "start": flat(lambda x: x), "steps": []}
    for t in range(1, STEPS + 1):
        for x in tensors:
            x.grad = torch.randn(x.shape, generator=generator).double()
        gradient = flat(lambda x: x.grad)
        for group in optimizer.param_groups:
            group["eps"] = EXEMPT["eps"] / math.sqrt(1 - EXEMPT["beta2"] ** t)
        optimizer.step()
        result["steps"].append({"gradient": gradient, "weights": flat(lambda x: x)})
    return result


def restarting_cosine(s, u):
    """As fairseq computes it, u updates after the warmup."""
    if s["mult"] == 1:
        i = math.floor(u / s["period"])
        length, into = s["period"], u - s["period"] * i
    else:
        i = math.floor(math.log(1 - u / s["period"] * (1 - s["mult"]), s["mult"]))
        length = s["mult"] ** i * s["period"]
        into = u - (1 - s["mult"] ** i) / (1 - s["mult"]) * s["period"]
    low, high = s["end"] * s["shrink"] ** i, s["lr"] * s["shrink"] ** i
    rate = low + 0.5 * (high - low) * (1 + math.cos(math.pi * into / length))
    if s["shrink"] == 1:
        optimizer = torch.optim.SGD([torch.zeros(1)], lr=s["lr"])
        torch_schedule = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(
            optimizer, T_0=s["period"], T_mult=s["mult"], eta_min=s["end"])
        optimizer.step()
        torch_schedule.step(u)
        assert abs(torch_schedule.get_last_lr()[0] - rate) < 1e-12, (s, u)
    return rate


def learning_rate(s, update):
    t = update - 1
    if s["scheduler"] == "fixed":
        return s["init"] + (s["lr"] - s["init"]) * (t + 1) / s["warmup"] if t < s["warmup"] else s["lr"]
    if t < s["warmup"]:
        return s["init"] + (s["lr"] - s["init"]) * t / s["warmup"]
    if s["scheduler"] == "inverse_sqrt":
        return s["lr"] * s["warmup"] ** 0.5 * t**-0.5
    if "period" in s:
        return restarting_cosine(s, t - s["warmup"])
    if t >= s["total"]:
        return s["end"]
    past = (t - s["warmup"]) / (s["total"] - s["warmup"])
    if s["scheduler"] == "polynomial_decay":
        return (s["lr"] - s["end"]) * (1 - past) ** s["power"] + s["end"]
    return s["end"] + 0.5 * (s["lr"] - s["end"]) * (1 + math.cos(math.pi * past))


def main():
    schedules = [s | {"updates": UPDATES, "rates": [learning_rate(s, t) for t in UPDATES]} for s in SCHEDULES]
    print(json.dumps({"ema_decay": EMA_DECAY, "adam": [adam(case) for case in ADAM], "schedules": schedules,
                      "rates": RATES, "momentum": [momentum(case) for case in MOMENTUM], "exempt": exempt()}))


if __name__ == "__main__":
    main()
