"""The R-Drop loss and its gradients by PyTorch's automatic differentiation, in float64.

    rdrop_loss.py GOLDEN.json          recomputes every case and fails if one number differs by 1e-9
    rdrop_loss.py GOLDEN.json OUT      writes the file again, with outputs recomputed from its inputs

The loss is written from the paper (arXiv:2106.14448, equation 4) with the sums of fairseq's
label-smoothed cross-entropy: eps is spread over the whole vocabulary, targets equal to pad_id count
nowhere, and nothing is divided by the number of tokens.
"""
import json
import sys

import torch


def outputs(case):
    a, b = (torch.tensor(case[key], dtype=torch.float64, requires_grad=True) for key in ("logits1", "logits2"))
    targets = torch.tensor(case["targets"])
    real = targets != case["pad_id"]
    log_p, log_q = a.log_softmax(-1), b.log_softmax(-1)
    both = (log_p + log_q)[real]
    nll = -both.gather(-1, targets[real].unsqueeze(-1)).sum()
    eps = case["label_smoothing"]
    label_smoothed = (1 - eps) * nll - eps * both.mean(-1).sum()
    difference = (log_p - log_q)[real]
    kl = 0.5 * ((log_p.exp() - log_q.exp())[real] * difference).sum()
    loss = label_smoothed + case["reg_alpha"] * kl
    loss.backward()
    return {
        "ntokens": int(real.sum()),
        "nll_sum": nll.item(),
        "label_smoothed_sum": label_smoothed.item(),
        "kl_sum": kl.item(),
        "loss_sum": loss.item(),
        "dlogits1": a.grad.tolist(),
        "dlogits2": b.grad.tolist(),
    }


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        golden = json.load(file)
    worst = 0.0
    for case in golden["cases"]:
        for key, value in outputs(case).items():
            new, old = torch.tensor(value, dtype=torch.float64), torch.tensor(case[key], dtype=torch.float64)
            worst = max(worst, ((new - old).abs().max() / old.abs().max().clamp(min=1e-30)).item())
            case[key] = value
    if len(sys.argv) > 2:
        with open(sys.argv[2], "w", encoding="utf-8") as file:
            json.dump(golden, file)
    print(f"{len(golden['cases'])} cases, largest relative difference {worst:.3g}")
    sys.exit(worst > 1e-9)


if __name__ == "__main__":
    main()
