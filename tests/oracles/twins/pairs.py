"""Translation: an encoder and a decoder."""
import math

import torch
import torch.nn.functional as F

from .blocks import Model, padded, sinusoids

PLAIN = {"position-layout": "fairseq", "decoder-start": "eos", "head": "tokens", "layernorm-embedding": False,
         "output-bias": False, "encoder-learned-pos": False, "decoder-learned-pos": False, "drop-path": 0, "segment-types": 0}


class Twin(Model):
    def __init__(self, recipe, weights, _):
        super().__init__(recipe, weights)
        longest = max(recipe["max-source-positions"], recipe["max-target-positions"])
        self.table = sinusoids(2 + longest, recipe["encoder-embed-dim"])

    def embed(self, stack, ids):
        shared = self.recipe["share-all-embeddings"]
        table = self.of(f"{'encoder' if shared else stack}.embed_tokens.weight")
        scale = 1.0 if self.recipe["no-scale-embedding"] else math.sqrt(table.shape[1])
        return self.drop(scale * F.embedding(ids, table) + self.table[2:2 + ids.shape[1]])  # positions count from pad + 1 of fairseq

    def projection(self):
        if self.recipe["share-all-embeddings"]:
            return self.of("encoder.embed_tokens.weight")
        return self.of("decoder.embed_tokens.weight" if self.recipe["share-decoder-input-output-embed"]
                       else "decoder.output_projection.weight")

    def forward(self, batch, passes):
        """Logits of the real target tokens of all passes, and the targets of one."""
        pad = self.recipe["pad-id"]
        source, target = padded(batch["source"], pad), padded(batch["target"], pad)
        real = padded([[1] * len(row) for row in batch["target"]], 0).bool()
        previous = torch.cat([torch.full((len(target), 1), self.recipe["eos-id"]), target[:, :-1]], 1)
        targets = target[real]
        source, previous, real = (x.repeat(passes, 1) for x in (source, previous, real))
        sees = (source != pad)[:, None, None, :]
        memory = self.layers("encoder", self.embed("encoder", source), sees)
        # what comes after a target's end is not looked at
        x = self.layers("decoder", self.embed("decoder", previous), "causal", memory, sees)
        return [(F.linear(x[real], self.projection()), targets)]

    def size_of(self, batch):
        return sum(map(len, batch["source"])) + sum(map(len, batch["target"]))
