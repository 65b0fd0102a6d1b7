"""Outputs and gradients of small vision transformers by PyTorch, in float64.

    picture_model_golden.py GOLDEN_DIR

writes for each variant picture_model_NAME.safetensors (random weights), picture_model_NAME.json (configuration,
pictures, the encoder's outputs, what they are multiplied by) and picture_model_NAME.gradients.safetensors: of the sum
of outputs times those numbers. The convolutions and their pooling are PyTorch's own; the rest is as in model_golden.py.
"""
import json
import sys

import torch
import torch.nn.functional as F

import model_golden
from model_golden import attend, linear, save

STEM_WIDTH = 64
VARIANTS = {
    "patches": dict(d_model=12, size=8, channels=3, patch=4, stem=0, class_tokens=2, heads=3, layers=2, ffn_dim=20),
    "grey": dict(d_model=10, size=9, channels=1, patch=3, stem=0, class_tokens=0, heads=2, layers=1, ffn_dim=12),
    "stem": dict(d_model=8, size=11, channels=3, patch=1, stem=2, class_tokens=0, heads=2, layers=2, ffn_dim=8),
}


def norm(weights, name, x):
    return F.layer_norm(x, x.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"], 1e-6)


def stem_shapes(c):
    """Of PyTorch's convolutions: [out, in, 3, 3]."""
    for i in range(c["stem"]):
        yield (c["d_model"] if i + 1 == c["stem"] else STEM_WIDTH, c["channels"] if i == 0 else STEM_WIDTH, 3, 3)


def shapes(c):
    d = c["d_model"]
    side = c["size"] // c["patch"]
    for i, shape in enumerate(stem_shapes(c)):
        side = (side - 1) // 2 + 1
        yield f"encoder.stem.{i}.weight", (shape[0], shape[1] * 9)
    if c["stem"] == 0:
        yield "encoder.patches.weight", (d, c["channels"] * c["patch"] ** 2)
        yield "encoder.patches.bias", (d,)
    if c["class_tokens"]:
        yield "encoder.class_token", (c["class_tokens"], d)
    yield "encoder.embed_positions.weight", (side * side + c["class_tokens"], d)
    for i in range(c["layers"]):
        layer = f"encoder.layers.{i}"
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            yield f"{layer}.self_attn.{part}.weight", (d, d)
            yield f"{layer}.self_attn.{part}.bias", (d,)
        for name, shape in (("fc1", (c["ffn_dim"], d)), ("fc2", (d, c["ffn_dim"]))):
            yield f"{layer}.{name}.weight", shape
            yield f"{layer}.{name}.bias", shape[:1]
        for name in ("self_attn_layer_norm", "final_layer_norm"):
            yield f"{layer}.{name}.weight", (d,)
            yield f"{layer}.{name}.bias", (d,)
    yield "encoder.layer_norm.weight", (d,)
    yield "encoder.layer_norm.bias", (d,)


def tokens(c, weights, pictures):
    if c["stem"] == 0:
        kernel = weights["encoder.patches.weight"].view(c["d_model"], c["channels"], c["patch"], c["patch"])
        x = F.conv2d(pictures, kernel, weights["encoder.patches.bias"], stride=c["patch"])
    else:
        x = pictures
        for i, (n_out, n_in, _, _) in enumerate(stem_shapes(c)):
            kernel = weights[f"encoder.stem.{i}.weight"]
            # windows of all but the first are [3, 3, n_in]
            kernel = kernel.view(n_out, n_in, 3, 3) if i == 0 else kernel.view(n_out, 3, 3, n_in).permute(0, 3, 1, 2)
            x = F.max_pool2d(F.relu(F.conv2d(x, kernel, padding=1)), 3, 2, 1)
    x = x.flatten(2).transpose(1, 2)
    if c["class_tokens"]:
        x = torch.cat([weights["encoder.class_token"].expand(len(x), -1, -1), x], 1)
    return x + weights["encoder.embed_positions.weight"]


def encode(c, weights, pictures):
    x = tokens(c, weights, pictures)
    hidden = torch.zeros(1, 1, x.shape[1], dtype=torch.bool)
    for i in range(c["layers"]):
        layer = f"encoder.layers.{i}"
        y = norm(weights, f"{layer}.self_attn_layer_norm", x)
        x = x + attend(weights, f"{layer}.self_attn", c["heads"], y, y, hidden)
        y = norm(weights, f"{layer}.final_layer_norm", x)
        x = x + linear(weights, f"{layer}.fc2", F.gelu(linear(weights, f"{layer}.fc1", y)))
    return norm(weights, "encoder.layer_norm", x)


def rounded(tensor):
    return [float(f"{value:.9g}") for value in tensor.detach().reshape(-1).tolist()]


def resized_positions():
    """By scipy's zoom (google-research/vision_transformer), and by torch as transformers and timm call it."""
    import scipy.ndimage

    cases = []
    for before, after in ((3, 5), (5, 3), (4, 4), (2, 7)):
        torch.manual_seed(before)
        grid = torch.randn(before, before, 2).float()
        planes = grid.double().permute(2, 0, 1)[None]
        size = (after, after)
        results = {"google": torch.tensor(scipy.ndimage.zoom(grid.double().numpy(), (after / before,) * 2 + (1,), order=1)),
                   "huggingface": F.interpolate(planes, size=size, mode="bicubic", align_corners=False),
                   "timm": F.interpolate(planes, size=size, mode="bicubic", antialias=True),
                   "timm-bilinear": F.interpolate(planes, size=size, mode="bilinear", antialias=True)}
        for name, result in results.items():
            result = result if name == "google" else result[0].permute(1, 2, 0)
            cases.append({"how": name, "before": before, "after": after, "from": rounded(grid), "to": rounded(result)})
    return cases


def main():
    with open(f"{sys.argv[1]}/positions.json", "w", encoding="utf-8") as file:
        json.dump(resized_positions(), file)
        file.write("\n")
    for number, (name, config) in enumerate(VARIANTS.items()):
        torch.manual_seed(100 + number)
        model_golden.shapes = shapes
        weights = {k: v.float().double().requires_grad_() for k, v in model_golden.random_weights(config).items()}
        pictures = torch.randn(3, config["channels"], config["size"], config["size"]).float().double()
        out = encode(config, weights, pictures)
        times = torch.randn(out.shape).float().double()
        (out * times).sum().backward()
        path = f"{sys.argv[1]}/picture_model_{name}"
        save(f"{path}.safetensors", weights)
        save(f"{path}.gradients.safetensors", {key: value.grad for key, value in weights.items()})
        with open(f"{path}.json", "w", encoding="utf-8") as file:
            json.dump({"config": config, "pictures": rounded(pictures), "out": rounded(out), "times": rounded(times)},
                      file)
            file.write("\n")


if __name__ == "__main__":
    main()
