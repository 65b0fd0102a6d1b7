"""Log-probabilities, losses and gradients of small language models by PyTorch, in float64.

    lm_golden.py GOLDEN_DIR

writes for each variant lm_NAME.safetensors (random weights), lm_NAME.json (configuration, blocks, log-probabilities
and losses) and lm_NAME.gradients.safetensors. The layers are model_golden.py's; written here from fairseq's
conventions: a decoder alone, pre-norm; adaptive input and adaptive softmax (Grave et al. 2017, Baevski and Auli
2019) with bands of d_model / factor^i dimensions, and what ties them. Models of positions from 0 are GPT-2's.
"""
import json
import math
import sys

import torch
import torch.nn.functional as F

import model_golden as base

EOS = 2
STARTS = [EOS, 13, 4]
BLOCKS = [[8, 6, 20, EOS, 26, 7], [4], [17, 22, 9, 3, 12, EOS, EOS, 5, 29]]
STACK = dict(layers=2, heads=2, ffn_dim=20, pre_norm=True, learned=False)
ADAPTIVE = dict(d_model=16, vocab=30, activation="relu", scale=True, max_positions=12, decoder=STACK, cutoffs=[10, 18],
                factor=4)
VARIANTS = {
    "gpt": dict(d_model=12, vocab=30, activation="gelu", scale=True, tied=True, max_positions=12, decoder=STACK),
    "gpt2": dict(d_model=12, vocab=30, activation="gelu_tanh", scale=False, tied=True, max_positions=12, from_zero=True,
                 decoder=STACK | dict(learned=True)),
    "untied": dict(d_model=10, vocab=30, activation="relu", scale=True, max_positions=12, decoder=STACK),
    "adaptive": ADAPTIVE | dict(tied=True, no_final_norm=True),
    "adaptive_untied": ADAPTIVE,
}


def bands(config):
    edges = [0] + config["cutoffs"] + [config["vocab"]]
    return [(begin, end, config["d_model"] // config["factor"]**i)
            for i, (begin, end) in enumerate(zip(edges, edges[1:]))]


def shapes(config):
    d, s, v = config["d_model"], config["decoder"], config["vocab"]
    adaptive, tied = "cutoffs" in config, config.get("tied")
    n_tails = len(config["cutoffs"]) if adaptive else 0
    if adaptive:
        for i, (begin, end, dim) in enumerate(bands(config)):
            yield f"decoder.embed_tokens.embeddings.{i}.0.weight", (end - begin, dim)
            if i == 0 and tied:
                yield "decoder.adaptive_softmax.head.class_proj.weight", (n_tails, d)
            yield f"decoder.embed_tokens.embeddings.{i}.1.weight", (d, dim)
    else:
        yield "decoder.embed_tokens.weight", (v, d)
    whole = dict(config, encoder=dict(s, layers=0), share_all=True, share_decoder=True, src_vocab=v, tgt_vocab=v)
    for name, shape in base.shapes(whole):
        learned = name == "decoder.embed_positions.weight" and config.get("from_zero")
        if "encoder_attn" in name or name.startswith("encoder") or "embed_tokens" in name:
            continue
        if name.startswith("decoder.layer_norm") and config.get("no_final_norm"):
            continue
        yield name, (config["max_positions"], d) if learned else shape
    if adaptive and not tied:
        yield "decoder.adaptive_softmax.head.weight", (config["cutoffs"][0] + n_tails, d)
        for i, (begin, end, dim) in enumerate(bands(config)[1:]):
            yield f"decoder.adaptive_softmax.tail.{i}.0.weight", (dim, d)
            yield f"decoder.adaptive_softmax.tail.{i}.2.weight", (end - begin, dim)
    elif not adaptive and not tied:
        yield "decoder.output_projection.weight", (v, d)


def random_weights(config):
    weights = {}
    for name, shape in shapes(config):
        deviation = 0.3 if len(shape) == 1 else shape[-1]**-0.5
        value = torch.randn(shape) * deviation
        weights[name] = value + 1 if name.endswith("layer_norm.weight") else value
    return weights


def embed(config, weights, tokens):
    scale = math.sqrt(config["d_model"]) if config["scale"] else 1.0
    first = 0 if config.get("from_zero") else base.PAD + 1
    if config["decoder"]["learned"]:
        table = weights["decoder.embed_positions.weight"]
    else:
        table = base.sinusoidal(first + config["max_positions"], config["d_model"], False)
    if "cutoffs" in config:
        words = torch.cat([weights[f"decoder.embed_tokens.embeddings.{i}.0.weight"] @
                           weights[f"decoder.embed_tokens.embeddings.{i}.1.weight"].T
                           for i in range(len(config["cutoffs"]) + 1)])
    else:
        words = weights["decoder.embed_tokens.weight"]
    return scale * words[tokens] + table[first + torch.arange(len(tokens))]


def run(config, weights, tokens):
    s = config["decoder"]
    activation = {"relu": F.relu, "gelu": F.gelu, "gelu_tanh": lambda x: F.gelu(x, approximate="tanh")}[
        config["activation"]]
    hidden = torch.ones(1, len(tokens), len(tokens)).triu(1).bool()
    x = embed(config, weights, torch.tensor(tokens)).unsqueeze(0)
    for i in range(s["layers"]):
        layer = f"decoder.layers.{i}"
        x = base.residual(weights, f"{layer}.self_attn_layer_norm", True, x,
                          lambda y: base.attend(weights, f"{layer}.self_attn", s["heads"], y, y, hidden))
        x = base.residual(weights, f"{layer}.final_layer_norm", True, x,
                          lambda y: base.linear(weights, f"{layer}.fc2", activation(
                              base.linear(weights, f"{layer}.fc1", y))))
    return x[0] if config.get("no_final_norm") else base.norm(weights, "decoder.layer_norm", x)[0]


def log_probs(config, weights, x):
    if "cutoffs" not in config:
        name = "decoder.embed_tokens.weight" if config.get("tied") else "decoder.output_projection.weight"
        return (x @ weights[name].T).log_softmax(-1)
    tied, n_head = config.get("tied"), config["cutoffs"][0]
    if tied:
        head = torch.cat([weights["decoder.embed_tokens.embeddings.0.0.weight"],
                          weights["decoder.adaptive_softmax.head.class_proj.weight"]])
    else:
        head = weights["decoder.adaptive_softmax.head.weight"]
    of_head = (x @ head.T).log_softmax(-1)
    parts = [of_head[:, :n_head]]
    for i in range(len(config["cutoffs"])):
        if tied:
            y = x @ weights[f"decoder.embed_tokens.embeddings.{i + 1}.1.weight"]
            words = weights[f"decoder.embed_tokens.embeddings.{i + 1}.0.weight"]
        else:
            y = x @ weights[f"decoder.adaptive_softmax.tail.{i}.0.weight"].T
            words = weights[f"decoder.adaptive_softmax.tail.{i}.2.weight"]
        parts.append(of_head[:, n_head + i:n_head + i + 1] + (y @ words.T).log_softmax(-1))
    return torch.cat(parts, dim=1)


def golden(config, weights):
    rows = torch.cat([log_probs(config, weights, run(config, weights, [start] + block[:-1]))
                      for start, block in zip(STARTS, BLOCKS)])
    targets = torch.tensor(sum(BLOCKS, []))
    eps = 0.1
    scores = rows.gather(1, targets.unsqueeze(1))[:, 0]
    smoothed = -(1 - eps) * scores.sum() - eps * rows.mean(1).sum()
    smoothed.backward()
    return {"label_smoothing": eps, "starts": STARTS, "blocks": BLOCKS, "nll": -scores.sum().item(),
            "label_smoothed": smoothed.item(), "scores": [float(f"{x:.9g}") for x in scores.tolist()],
            "log_probs": [[float(f"{x:.9g}") for x in row] for row in rows.tolist()]}


def main():
    for number, (name, config) in enumerate(VARIANTS.items()):
        torch.manual_seed(number)
        weights = {key: value.double().requires_grad_() for key, value in random_weights(config).items()}
        result = {"config": config} | golden(config, weights)
        path = f"{sys.argv[1]}/lm_{name}"
        base.save(f"{path}.safetensors", weights)
        base.save(f"{path}.gradients.safetensors", {key: value.grad for key, value in weights.items()})
        with open(f"{path}.json", "w", encoding="utf-8") as file:
            json.dump(result, file)
            file.write("\n")


if __name__ == "__main__":
    main()
