"""Language models: a decoder alone, with the full softmax."""
import math

import torch
import torch.nn.functional as F

from .blocks import Model, padded, sinusoids

PLAIN = {"head": "tokens", "layernorm-embedding": False, "output-bias": False, "drop-path": 0, "adaptive-input": False,
         "adaptive-softmax-cutoff": ""}


class Twin(Model):
    def __init__(self, recipe, weights, _):
        super().__init__(recipe, weights)
        if not recipe["decoder-learned-pos"]:
            self.table = sinusoids(2 + recipe["max-target-positions"], recipe["encoder-embed-dim"])

    def positions(self, length):
        """fairseq counts from pad + 1, learned or not; GPT-2 from 0."""
        first = 0 if self.recipe["position-layout"] == "marian" else 2
        table = self.of("decoder.embed_positions.weight") if self.recipe["decoder-learned-pos"] else self.table
        return table[first:first + length]

    def log_odds(self, previous, wanted=None):
        """Logits [.., words] after each of the tokens previous: [n, length], or of the rows wanted of them."""
        table = self.of("decoder.embed_tokens.weight")
        scale = 1.0 if self.recipe["no-scale-embedding"] else math.sqrt(table.shape[1])
        x = self.drop(scale * F.embedding(previous, table) + self.positions(previous.shape[1]))
        x = self.layers("decoder", x, "causal")
        x = x if wanted is None else x[wanted]
        return F.linear(x, table if self.recipe["share-decoder-input-output-embed"] else self.of("decoder.output_projection.weight"))

    def forward(self, batch, passes):
        pad = self.recipe["pad-id"]
        target = padded(batch["target"], pad)
        starts = torch.tensor(batch.get("starts") or [self.recipe["eos-id"]] * len(target))
        previous = torch.cat([starts[:, None], target[:, :-1]], 1).repeat(passes, 1)
        if min(map(len, batch["target"])) == target.shape[1]:
            return self.log_odds(previous).flatten(0, 1), target.flatten()
        real = padded([[1] * len(row) for row in batch["target"]], 0).bool()
        return self.log_odds(previous, real.repeat(passes, 1)), target[real]

    def size_of(self, batch):
        return sum(map(len, batch["target"]))
