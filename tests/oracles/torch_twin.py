"""A recipe's training in PyTorch: same weights at the start, same batches, architecture, loss, optimizer, schedule and dropout
probabilities as rdrop-train's, to compare speed, losses and results. Its tasks are the files of twins/.

    bench-batches RECIPE --data BIN --dest TWIN [--updates N] [--set KEY=VALUE]...
    torch_twin.py TWIN [--threads N] [--bf16] [--log N] [--curve FILE] [--against TRAIN.JSONL] [--save FILE] [--warmup N]

prints, every --log updates (the recipe's log-interval), the means that rdrop-train prints, and at last, of the updates after the
first --warmup (3), TOKENS_PER_S and TOKENS_PER_CPU_S: source and target tokens, each pair once, or pictures, a second, and a
second of all threads' time. --curve writes these means as lines of JSON; --against prints how far they are from those of a
training of ours; --save writes the last weights over a model.safetensors. --bf16: matrix products under torch.autocast.

    torch_twin.py TWIN --data DATA [--seed N] [OPTION]...

trains a recipe of pictures as a whole, from its files in DATA and with augmentation of its own random numbers, and prints the
accuracy of validation after each epoch and at the end; --curve gets lines with these as well.

With dropout 0 the losses are ours to rounding. Keys that the twins do not know how to honour end it.
"""
import argparse
import json
import pathlib
import re

import torch
import yaml
from safetensors.torch import load_file, save_file

from twins import lm, pairs, pictures, tables
from twins.training import compare, train

TASKS = {"translation": pairs, "language_modeling": lm, "image_classification": pictures, "sentence_prediction": tables}
# What must be as here in all of them; each has more.
PLAIN = {"ema-decay": 0, "reg-alpha-warmup-updates": 0, "lr-period-updates": 0, "cutoff": "none", "freeze": "",
         "optimizer": ("adam", "sgd"), "n-passes": 2}


def read_recipe(path):
    with open(path, encoding="utf-8") as file:
        recipe = {key: float(value) if isinstance(value, str) and re.fullmatch(r"\d+e-?\d+", value) else value
                  for key, value in yaml.safe_load(file).items()}  # YAML 1.1 takes 1e-08 for text
    if recipe["task"] not in TASKS:
        raise SystemExit(f"{path}: task is {recipe['task']!r}; there are twins of {', '.join(TASKS)}")
    for key, value in (PLAIN | TASKS[recipe["task"]].PLAIN).items():
        if recipe[key] not in (value if isinstance(value, tuple) else (value,)):
            raise SystemExit(f"{path}: {key} is {recipe[key]!r}; this twin knows {value!r} alone")
    return recipe


def updates_of(path):
    with open(path, encoding="utf-8") as file:
        yield from map(json.loads, file)


def train_whole(recipe, model, a):
    from twins.picture_data import Pictures

    training, validation = (Pictures(recipe, a.data, a.twin, split) for split in ("train", "valid"))
    epoch, found = -(-len(training.labels) // recipe["max-sentences"]), []

    def validate(update):
        if update % epoch == 0 or update == recipe["max-update"]:
            found.append({"update": update, "accuracy": validation.accuracy(model)})
            print(f"update {update} accuracy {100 * found[-1]['accuracy']:.2f}", flush=True)

    curve = train(recipe, model, training.updates(), a, validate)
    print(f"ACCURACY {100 * found[-1]['accuracy']:.2f} best {100 * max(f['accuracy'] for f in found):.2f}")
    return curve + found


def main():
    p = argparse.ArgumentParser()
    p.add_argument("twin", type=pathlib.Path)
    for name in ("--threads", "--log", "--seed"):
        p.add_argument(name, type=int, default=0)
    p.add_argument("--warmup", type=int, default=3)
    p.add_argument("--bf16", action="store_true")
    for name in ("--curve", "--against", "--save", "--data"):
        p.add_argument(name)
    a = p.parse_args()
    if a.threads:
        torch.set_num_threads(a.threads)
    recipe = read_recipe(a.twin / "recipe.yaml")
    torch.manual_seed(a.seed or recipe["seed"])
    model = TASKS[recipe["task"]].Twin(recipe, load_file(a.twin / "model/model.safetensors"), a.twin).train()
    curve = train_whole(recipe, model, a) if a.data else train(recipe, model, updates_of(a.twin / "batches.jsonl"), a)
    if a.curve:
        with open(a.curve, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in curve)
    if a.against:
        compare(curve, a.against)
    if a.save:
        save_file(model.weights(), a.save)


main()
