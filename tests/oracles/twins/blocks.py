"""Layers of transformers in PyTorch, with the weights of a model directory under its own names.

Queries, keys and values of self-attention are one product; attention is torch's scaled_dot_product_attention; rows are padded.
A mask may be a tensor, "causal", or None.
"""
import math

import torch
import torch.nn.functional as F

QKV = ("q_proj", "k_proj", "v_proj")


def fused(weights):
    """q_proj, k_proj and v_proj of self-attention as one qkv_proj."""
    out = {}
    for name, w in weights.items():
        layer, attention, rest = name.partition(".self_attn.")
        part, _, kind = rest.partition(".")
        if not attention or part not in QKV:
            out[name] = w
        elif part == "q_proj":
            out[f"{layer}.self_attn.qkv_proj.{kind}"] = torch.cat([weights[f"{layer}.self_attn.{p}.{kind}"] for p in QKV])
    return out


def parted(weights):
    """The way back."""
    out = {}
    for name, w in weights.items():
        parts = [name.replace("qkv_proj", p) for p in QKV] if "qkv_proj" in name else [name]
        out |= {part: x.contiguous() for part, x in zip(parts, w.chunk(len(parts)))}
    return out


class Model(torch.nn.Module):
    def __init__(self, recipe, weights):
        super().__init__()
        self.recipe = recipe
        self.w = torch.nn.ParameterDict({name.replace(".", "/"): torch.nn.Parameter(w) for name, w in fused(weights).items()})

    def weights(self):
        """As in the file that they came from."""
        return parted({name.replace("/", "."): w.detach() for name, w in self.w.items()})

    def of(self, name):
        return self.w[name.replace(".", "/")]

    def rate(self, key):
        return self.recipe[key] if self.training else 0.0

    def drop(self, x, key="dropout"):
        return F.dropout(x, self.recipe[key], self.training) if self.recipe[key] > 0 else x

    def linear(self, name, x):
        return F.linear(x, self.of(f"{name}.weight"), self.of(f"{name}.bias"))

    def norm(self, name, x):
        return F.layer_norm(x, x.shape[-1:], self.of(f"{name}.weight"), self.of(f"{name}.bias"), self.recipe["layer-norm-eps"])

    def attend(self, name, heads, x, memory, mask):
        def split(y):
            return y.view(*y.shape[:2], heads, -1).transpose(1, 2)

        if memory is None:
            q, k, v = self.linear(f"{name}.qkv_proj", x).chunk(3, -1)
        else:
            q, k, v = (self.linear(f"{name}.{part}", y) for part, y in zip(QKV, (x, memory, memory)))
        causal = isinstance(mask, str)
        y = F.scaled_dot_product_attention(split(q), split(k), split(v), attn_mask=None if causal else mask, is_causal=causal,
                                           dropout_p=self.rate("attention-dropout"))
        return self.linear(f"{name}.out_proj", y.transpose(1, 2).reshape(x.shape))

    def feed_forward(self, layer, x):
        activation = getattr(F, self.recipe["activation-fn"].replace("swish", "silu"))
        return self.linear(f"{layer}.fc2", self.drop(activation(self.linear(f"{layer}.fc1", x)), "activation-dropout"))

    def layers(self, stack, x, own_mask, memory=None, memory_mask=None):
        """x: [n, length, width]; a final norm where the model has one."""
        recipe = self.recipe
        pre_norm, heads, n = (recipe[f"{stack}-{key}"] for key in ("normalize-before", "attention-heads", "layers"))
        for i in range(n):
            path = recipe["drop-path"] * i / max(n - 1, 1) if n > 1 else recipe["drop-path"]

            def residual(name, x, f):
                y = self.drop(f(self.norm(name, x) if pre_norm else x))
                if path > 0 and self.training:  # Huang et al. 2016: of a whole sequence
                    y = y * (torch.rand(len(y), 1, 1) >= path) / (1 - path)
                return x + y if pre_norm else self.norm(name, x + y)

            layer = f"{stack}.layers.{i}"
            x = residual(f"{layer}.self_attn_layer_norm", x,
                         lambda y: self.attend(f"{layer}.self_attn", heads, y, None, own_mask))
            if memory is not None:
                x = residual(f"{layer}.encoder_attn_layer_norm", x,
                             lambda y: self.attend(f"{layer}.encoder_attn", heads, y, memory, memory_mask))
            x = residual(f"{layer}.final_layer_norm", x, lambda y: self.feed_forward(layer, y))
        final = pre_norm and not (stack == "decoder" and recipe["no-decoder-final-norm"])
        return self.norm(f"{stack}.layer_norm", x) if final else x


def sinusoids(length, width):
    """fairseq's: sines first, then cosines."""
    half = width // 2
    angles = torch.arange(length)[:, None] * torch.exp(torch.arange(half) * -(math.log(10000) / (half - 1)))
    return F.pad(torch.cat([angles.sin(), angles.cos()], 1), (0, width % 2))


def padded(rows, pad):
    longest = max(map(len, rows))
    return torch.tensor([row + [pad] * (longest - len(row)) for row in rows])
