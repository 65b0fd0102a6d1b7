"""Language models: a decoder alone, with the full softmax or with adaptive input and softmax (Grave et al. 2017, Baevski and Auli
2019), R-Drop's KL over that in its authors' form."""
import math

import torch
import torch.nn.functional as F

from .blocks import Model, padded, sinusoids

PLAIN = {"head": "tokens", "layernorm-embedding": False, "output-bias": False, "drop-path": 0}


class Twin(Model):
    def __init__(self, recipe, weights, _):
        super().__init__(recipe, weights)
        self.check_adaptive()
        if not recipe["decoder-learned-pos"]:
            self.table = sinusoids(2 + recipe["max-target-positions"], recipe["encoder-embed-dim"])

    def positions(self, length):
        """fairseq counts from pad + 1, learned or not; GPT-2 from 0."""
        first = 0 if self.recipe["position-layout"] == "marian" else 2
        table = self.of("decoder.embed_positions.weight") if self.recipe["decoder-learned-pos"] else self.table
        return table[first:first + length]

    def check_adaptive(self):
        """The first words of the bands after the first, those of the softmax being those of the input."""
        r = self.recipe
        self.cutoffs = [int(x) for x in str(r["adaptive-softmax-cutoff"]).split(",") if x]
        ours = {"adaptive-input": bool(self.cutoffs), "adaptive-input-cutoff": r["adaptive-softmax-cutoff"],
                "tie-adaptive-weights": bool(self.cutoffs), "tie-adaptive-proj": False, "label-smoothing": 0,
                "kl-adaptive": "cluster"}
        for key, value in ours.items() if self.cutoffs or r["adaptive-input"] else ():
            if r[key] != value:
                raise SystemExit(f"{key} is {r[key]!r}; of adaptive models this twin knows {value!r} alone")

    def embed(self, ids):
        if not self.cutoffs:
            return F.embedding(ids, self.of("decoder.embed_tokens.weight"))
        bands = torch.bucketize(ids, torch.tensor(self.cutoffs), right=True)
        x = torch.zeros(*ids.shape, self.recipe["encoder-embed-dim"])
        for i, begin in enumerate([0] + self.cutoffs):
            words, projection = (self.of(f"decoder.embed_tokens.embeddings.{i}.{j}.weight") for j in (0, 1))
            x[bands == i] = F.linear(F.embedding(ids[bands == i] - begin, words), projection).to(x.dtype)
        return x

    def hidden(self, previous, wanted=None):
        """The last layer's states [.., width] after each of the tokens previous: [n, length], or of the rows wanted of them."""
        scale = 1.0 if self.recipe["no-scale-embedding"] else math.sqrt(self.recipe["encoder-embed-dim"])
        x = self.drop(scale * self.embed(previous) + self.positions(previous.shape[1]))
        x = self.layers("decoder", x, "causal")
        return x.flatten(0, -2) if wanted is None else x[wanted]

    def log_odds(self, previous, wanted=None):
        """Logits [rows, words] of the full softmax after those tokens."""
        return F.linear(self.hidden(previous, wanted), self.of("decoder.embed_tokens.weight" if self.recipe[
            "share-decoder-input-output-embed"] else "decoder.output_projection.weight"))

    def adaptive(self, x, targets, passes):
        """The head over the first words and the classes of others, for all targets, and each class's own words for those in it."""
        bands = torch.bucketize(targets, torch.tensor(self.cutoffs), right=True)
        words = [self.of(f"decoder.embed_tokens.embeddings.{i}.0.weight") for i in range(len(self.cutoffs) + 1)]
        head = torch.cat([words[0], self.of("decoder.adaptive_softmax.head.class_proj.weight")])
        yield F.linear(x, head), torch.where(bands > 0, self.cutoffs[0] + bands - 1, targets)
        for i, begin in enumerate(self.cutoffs, 1):
            mine = bands == i
            small = F.linear(x[mine.repeat(passes)], self.of(f"decoder.adaptive_softmax.tail.{i - 1}.0.weight"))
            yield F.linear(self.drop(small, "adaptive-softmax-dropout"), words[i]), targets[mine] - begin

    def forward(self, batch, passes):
        pad = self.recipe["pad-id"]
        target = padded(batch["target"], pad)
        starts = torch.tensor(batch.get("starts") or [self.recipe["eos-id"]] * len(target))
        previous = torch.cat([starts[:, None], target[:, :-1]], 1).repeat(passes, 1)
        real = padded([[1] * len(row) for row in batch["target"]], 0).bool()
        wanted, targets = (None if real.all() else real.repeat(passes, 1)), target[real]
        if self.cutoffs:
            return list(self.adaptive(self.hidden(previous, wanted), targets, passes))
        return [(self.log_odds(previous, wanted), targets)]

    def size_of(self, batch):
        return sum(map(len, batch["target"]))
