"""Classes or numbers of sentences: the classifiers of transformers, with the weights of TWIN/hf, which rdrop-convert --export
makes of TWIN/model."""
import torch
import transformers

from .blocks import padded

PLAIN = {"head-transform": "tanh", "pooling": "first", "kl-reduction": "mean", "class-weights": "", "pooler-dropout": 0}


class Twin(torch.nn.Module):
    def __init__(self, recipe, _, directory):
        super().__init__()
        self.recipe = recipe
        rates = dict(hidden_dropout_prob=recipe["dropout"], attention_probs_dropout_prob=recipe["attention-dropout"],
                     classifier_dropout=recipe["classifier-dropout"])
        if not (directory / "hf/config.json").exists():
            raise SystemExit(f"{directory}/hf is missing: rdrop-convert --export {directory}/model --output {directory}/hf")
        self.model = transformers.AutoModelForSequenceClassification.from_pretrained(f"{directory}/hf", **rates)

    def forward(self, batch, passes):
        ids = padded(batch["source"], self.recipe["pad-id"])
        segments, at = [], 0
        for row in batch["source"]:
            segments.append(batch["segments"][at:at + len(row)] if "segments" in batch else [0] * len(row))
            at += len(row)
        inputs = {"input_ids": ids, "token_type_ids": padded(segments, 0),
                  "attention_mask": padded([[1] * len(row) for row in batch["source"]], 0)}
        logits = self.model(**{key: x.repeat(passes, 1) for key, x in inputs.items()}).logits
        return [(logits, torch.tensor(batch["labels"]))]

    def size_of(self, batch):
        return sum(map(len, batch["source"]))

    def weights(self):
        raise SystemExit("--save: not of these models; they are Hugging Face's")
