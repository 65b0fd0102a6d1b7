"""Classes of pictures: patches or a stem of convolutions, an encoder, a pool, a projection.

As the library does, R-Drop's two passes share what comes before the first dropout. Convolutions are in channels_last, the faster
way on processors.
"""
import itertools

import numpy as np
import torch
import torch.nn.functional as F

from .blocks import Model

PLAIN = {"head": "classes", "head-transform": "none", "encoder-normalize-before": True, "encoder-learned-pos": True,
         "kl-reduction": "mean", "class-weights": "", "mixup": 0, "cutmix": 0}


class Twin(Model):
    def __init__(self, recipe, weights, directory):
        for i in itertools.count():
            name = f"encoder.stem.{i}.weight"
            if name not in weights:
                break
            # windows of all but the first are [3, 3, n_in]
            kernel = weights[name].unflatten(1, (-1, 3, 3) if i == 0 else (3, 3, -1))
            kernel = kernel if i == 0 else kernel.permute(0, 3, 1, 2)
            weights[name] = kernel.contiguous(memory_format=torch.channels_last)
        super().__init__(recipe, weights)
        self.size, self.channels = recipe["picture-size"], recipe["picture-channels"]
        self.file = open(f"{directory}/pictures.f32", "rb") if directory else None

    def weights(self):
        weights = super().weights()
        for name in [name for name in weights if ".stem." in name]:
            kernel = weights[name] if ".0." in name else weights[name].permute(0, 2, 3, 1)
            weights[name] = kernel.flatten(1).contiguous()
        return weights

    def rows(self, x):
        """[n, tokens, width] of pictures [n, channels, size, size]."""
        d = self.recipe["encoder-embed-dim"]
        if self.recipe["stem-layers"] == 0:
            kernel = self.of("encoder.patches.weight").view(d, self.channels, self.recipe["patch-size"], -1)
            x = F.conv2d(x, kernel, self.of("encoder.patches.bias"), stride=self.recipe["patch-size"])
        else:
            x = x.contiguous(memory_format=torch.channels_last)
            for i in range(self.recipe["stem-layers"]):
                x = F.max_pool2d(F.relu(F.conv2d(x, self.of(f"encoder.stem.{i}.weight"), padding=1), inplace=True), 3, 2, 1)
        x = x.flatten(2).transpose(1, 2)
        if self.recipe["class-tokens"]:
            x = torch.cat([self.of("encoder.class_token").expand(len(x), -1, -1), x], 1)
        return x + self.of("encoder.embed_positions.weight")

    def pool(self, x):
        if self.recipe["pooling"] == "attention":
            return torch.bmm((x @ self.of("classification_head.attention.weight")).softmax(-1)[:, None, :], x)[:, 0]
        return x.mean(1) if self.recipe["pooling"] == "mean" else x[:, 0]

    def classes(self, pictures, passes):
        """Logits [passes * n, classes]."""
        x = self.layers("encoder", self.drop(self.rows(pictures).repeat(passes, 1, 1)), None)
        x = self.drop(self.drop(self.pool(x), "pooler-dropout"), "classifier-dropout")
        return self.linear("classification_head.out_proj", x)

    def forward(self, batch, passes):
        pictures = batch["pictures"]
        if isinstance(pictures, int):  # how many of the file
            shape = pictures, self.channels, self.size, self.size
            pictures = torch.from_numpy(np.fromfile(self.file, np.float32, int(np.prod(shape))).reshape(shape))
        return [(self.classes(pictures, passes), torch.as_tensor(batch["labels"]))]

    def size_of(self, batch):
        return len(batch["labels"])
