"""Logits, losses and gradients of small Transformers by PyTorch, in float64.

    model_golden.py GOLDEN_DIR

writes for each variant model_NAME.safetensors (random weights), model_NAME.json (configuration, batch, logits
and losses) and model_NAME.gradients.safetensors. The same PyTorch gives the same files.

Written from Vaswani et al. 2017, Xiong et al. 2020 (pre-norm) and fairseq's conventions: parameter names,
embeddings scaled by sqrt(d_model), positions counted from pad + 1, the sinusoidal table's layout, the decoder's
input starting with eos, label smoothing over the whole vocabulary. Batches are padded and masked here, so that
nothing of the packed layout of the library under test is taken over.
"""
import json
import math
import struct
import sys

import torch
import torch.nn.functional as F

PAD, EOS = 1, 2
PAIRS = [([5, 9, 4, 17, EOS], [8, 6, EOS]), ([EOS], [4, 4, 12, 18, 7, EOS]), ([11, 3, 11, 6, 14, 7, 10, EOS], [EOS]),
         ([7, 16, EOS], [13, 5, 9, 3, EOS])]
VARIANTS = {
    "post_norm": dict(d_model=16, activation="relu", src_vocab=21, tgt_vocab=21, share_all=True, share_decoder=True,
                      scale=True, max_positions=9,
                      encoder=dict(layers=2, heads=2, ffn_dim=24, pre_norm=False, learned=False),
                      decoder=dict(layers=2, heads=4, ffn_dim=20, pre_norm=False, learned=False)),
    "pre_norm": dict(d_model=16, activation="gelu", src_vocab=19, tgt_vocab=23, share_all=False, share_decoder=False,
                     scale=True, max_positions=9,
                     encoder=dict(layers=2, heads=4, ffn_dim=24, pre_norm=True, learned=True),
                     decoder=dict(layers=2, heads=2, ffn_dim=20, pre_norm=True, learned=True)),
    "mixed": dict(d_model=9, activation="relu", src_vocab=22, tgt_vocab=20, share_all=False, share_decoder=True,
                  scale=False, max_positions=8,
                  encoder=dict(layers=1, heads=3, ffn_dim=10, pre_norm=True, learned=False),
                  decoder=dict(layers=2, heads=1, ffn_dim=33, pre_norm=False, learned=True)),
    "marian": dict(d_model=15, activation="silu", src_vocab=22, tgt_vocab=20, share_all=False, share_decoder=True,
                   scale=True, max_positions=9, output_bias=True, marian=True, start=PAD,
                   encoder=dict(layers=2, heads=3, ffn_dim=20, pre_norm=False, learned=False),
                   decoder=dict(layers=1, heads=5, ffn_dim=18, pre_norm=False, learned=True)),
    "bart": dict(d_model=12, activation="gelu", src_vocab=21, tgt_vocab=21, share_all=True, share_decoder=True,
                 scale=False, max_positions=9, output_bias=True, norm_embedding=True,
                 encoder=dict(layers=1, heads=3, ffn_dim=20, pre_norm=False, learned=True),
                 decoder=dict(layers=2, heads=2, ffn_dim=16, pre_norm=False, learned=True)),
}


def first_position(config):
    return 0 if config.get("marian") else PAD + 1


def shapes(config):
    d = config["d_model"]
    for stack in ("encoder", "decoder"):
        s = config[stack]
        if stack == "encoder" or not config["share_all"]:
            yield f"{stack}.embed_tokens.weight", (config["src_vocab" if stack == "encoder" else "tgt_vocab"], d)
        if s["learned"]:
            yield f"{stack}.embed_positions.weight", (first_position(config) + config["max_positions"], d)
        if config.get("norm_embedding"):
            yield f"{stack}.layernorm_embedding.weight", (d,)
            yield f"{stack}.layernorm_embedding.bias", (d,)
        for i in range(s["layers"]):
            layer = f"{stack}.layers.{i}"
            attentions = ["self_attn"] + (["encoder_attn"] if stack == "decoder" else [])
            for attention in attentions:
                for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
                    yield f"{layer}.{attention}.{part}.weight", (d, d)
                    yield f"{layer}.{attention}.{part}.bias", (d,)
            yield f"{layer}.fc1.weight", (s["ffn_dim"], d)
            yield f"{layer}.fc1.bias", (s["ffn_dim"],)
            yield f"{layer}.fc2.weight", (d, s["ffn_dim"])
            yield f"{layer}.fc2.bias", (d,)
            for norm in [f"{attention}_layer_norm" for attention in attentions] + ["final_layer_norm"]:
                yield f"{layer}.{norm}.weight", (d,)
                yield f"{layer}.{norm}.bias", (d,)
        if s["pre_norm"]:
            yield f"{stack}.layer_norm.weight", (d,)
            yield f"{stack}.layer_norm.bias", (d,)
    if not (config["share_all"] or config["share_decoder"]):
        yield "decoder.output_projection.weight", (config["tgt_vocab"], d)
    if config.get("output_bias"):
        yield "decoder.output_projection.bias", (config["tgt_vocab"],)


def random_weights(config):
    """Every parameter away from its initial value, so that a wrong bias or gain shows."""
    weights = {}
    for name, shape in shapes(config):
        deviation = 0.3 if len(shape) == 1 else shape[-1] ** -0.5
        if name.endswith("embed_positions.weight"):
            deviation = 1.0
        value = torch.randn(shape) * deviation
        weights[name] = value + 1 if name.endswith(("layer_norm.weight", "layernorm_embedding.weight")) else value
    return weights


def sinusoidal(n, d, marian):
    if marian:
        angles = torch.arange(n, dtype=torch.float64).unsqueeze(1) / 10000 ** (torch.arange(0, d, 2).double() / d)
        return torch.cat([angles.sin(), angles.cos()[:, :d // 2]], dim=1)
    half = d // 2
    frequencies = torch.exp(torch.arange(half, dtype=torch.float64) * -(math.log(10000) / (half - 1)))
    angles = torch.arange(n, dtype=torch.float64).unsqueeze(1) * frequencies.unsqueeze(0)
    table = torch.cat([angles.sin(), angles.cos()], dim=1)
    return F.pad(table, (0, d % 2))


def embed(config, weights, stack, tokens):
    owner = "encoder" if config["share_all"] else stack
    scale = math.sqrt(config["d_model"]) if config["scale"] else 1.0
    if config[stack]["learned"]:
        table = weights[f"{stack}.embed_positions.weight"]
    else:
        table = sinusoidal(first_position(config) + config["max_positions"], config["d_model"], config.get("marian"))
    positions = first_position(config) + torch.arange(tokens.shape[1])
    x = scale * weights[f"{owner}.embed_tokens.weight"][tokens] + table[positions]
    return norm(weights, f"{stack}.layernorm_embedding", x) if config.get("norm_embedding") else x


def linear(weights, name, x):
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def norm(weights, name, x):
    return F.layer_norm(x, x.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"], 1e-5)


def attend(weights, name, heads, queries, memory, hidden):
    """hidden: [batch, queries or 1, keys], true where a query must not look."""
    n, length, d = queries.shape

    def split(x):
        return x.view(n, -1, heads, d // heads).transpose(1, 2)

    q, k, v = (split(linear(weights, f"{name}.{part}", x))
               for part, x in (("q_proj", queries), ("k_proj", memory), ("v_proj", memory)))
    scores = (q @ k.transpose(2, 3)) / math.sqrt(d // heads)
    p = scores.masked_fill(hidden.unsqueeze(1), float("-inf")).softmax(-1)
    return linear(weights, f"{name}.out_proj", (p @ v).transpose(1, 2).reshape(n, length, d))


def residual(weights, name, pre_norm, x, f):
    return x + f(norm(weights, name, x)) if pre_norm else norm(weights, name, x + f(x))


def run_stack(config, weights, stack, tokens, padding, memory=None, memory_hidden=None):
    s, activation = config[stack], getattr(F, config["activation"])
    hidden = padding.unsqueeze(1)
    if stack == "decoder":
        hidden = hidden | torch.ones(tokens.shape[1], tokens.shape[1]).triu(1).bool()
    x = embed(config, weights, stack, tokens)
    for i in range(s["layers"]):
        layer = f"{stack}.layers.{i}"
        x = residual(weights, f"{layer}.self_attn_layer_norm", s["pre_norm"], x,
                     lambda y: attend(weights, f"{layer}.self_attn", s["heads"], y, y, hidden))
        if memory is not None:
            x = residual(weights, f"{layer}.encoder_attn_layer_norm", s["pre_norm"], x,
                         lambda y: attend(weights, f"{layer}.encoder_attn", s["heads"], y, memory, memory_hidden))
        x = residual(weights, f"{layer}.final_layer_norm", s["pre_norm"], x,
                     lambda y: linear(weights, f"{layer}.fc2", activation(linear(weights, f"{layer}.fc1", y))))
    return norm(weights, f"{stack}.layer_norm", x) if s["pre_norm"] else x


def padded(rows):
    longest = max(map(len, rows))
    return torch.tensor([row + [PAD] * (longest - len(row)) for row in rows])


def golden(config, weights):
    source = padded([pair[0] for pair in PAIRS])
    target = padded([pair[1] for pair in PAIRS])
    previous = padded([[EOS] + pair[1][:-1] for pair in PAIRS])
    hidden = previous == PAD
    previous[:, 0] = config.get("start", EOS)
    memory = run_stack(config, weights, "encoder", source, source == PAD)
    x = run_stack(config, weights, "decoder", previous, hidden, memory, (source == PAD).unsqueeze(1))
    if config["share_all"]:
        projection = weights["encoder.embed_tokens.weight"]
    elif config["share_decoder"]:
        projection = weights["decoder.embed_tokens.weight"]
    else:
        projection = weights["decoder.output_projection.weight"]
    real = target != PAD
    logits = (x @ projection.T)[real]  # of all pairs, one after the other
    logits = logits + weights.get("decoder.output_projection.bias", 0)
    log_probs = logits.log_softmax(-1)
    eps = 0.1
    nll = -log_probs.gather(1, target[real].unsqueeze(1)).sum()
    label_smoothed = (1 - eps) * nll - eps * log_probs.mean(1).sum()
    label_smoothed.backward()
    return {"label_smoothing": eps, "sources": [pair[0] for pair in PAIRS], "targets": [pair[1] for pair in PAIRS],
            "nll": nll.item(), "label_smoothed": label_smoothed.item(),
            "logits": [[float(f"{value:.9g}") for value in row] for row in logits.tolist()]}


def save(path, tensors):
    header, data = {}, b""
    for name, tensor in tensors.items():
        values = tensor.detach().float().reshape(-1).tolist()
        begin = len(data)
        data += struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [begin, len(data)]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def main():
    for number, (name, config) in enumerate(VARIANTS.items()):
        torch.manual_seed(number)
        weights = {key: value.double().requires_grad_() for key, value in random_weights(config).items()}
        result = {"config": config} | golden(config, weights)
        path = f"{sys.argv[1]}/model_{name}"
        save(f"{path}.safetensors", weights)
        save(f"{path}.gradients.safetensors", {key: value.grad for key, value in weights.items()})
        with open(f"{path}.json", "w", encoding="utf-8") as file:
            json.dump(result, file)
            file.write("\n")


if __name__ == "__main__":
    main()
