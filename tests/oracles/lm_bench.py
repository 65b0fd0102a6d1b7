"""Perplexity of a text by a language model of ours in PyTorch, with a context window, to compare rdrop-lm with.

    lm_bench.py MODEL_DIR IDS --context-window N [--tokens-per-sample N] [--blocks N] [--threads N] [--bf16]

MODEL_DIR has config.yaml and model.safetensors of a language model with the full softmax; IDS is the text as the model's ids, in
any number of lines (rdrop-lm's own are the words of its dict.txt). Blocks of new tokens are read after N old ones and scored, each
token once, --blocks at a time, as fairseq-eval-lm does. Prints the perplexity, TOKENS_PER_S, TOKENS_PER_CPU_S and PEAK_KIB.
"""
import argparse
import math
import resource
import time

import torch
import torch.nn.functional as F
import yaml
from safetensors.torch import load_file

from twins.lm import Twin


def blocks_of(ids, start, window, size):
    """[start or context + new tokens] a block, and how many are new."""
    text = [start] + ids
    for first in range(0, len(ids), size - window):
        end = min(first + size - window, len(ids))
        begin = max(end - size, 0) if first == 0 else max(first - window, 0)
        yield text[begin:end], ids[begin:end], end - first


def main():
    p = argparse.ArgumentParser()
    p.add_argument("model")
    p.add_argument("ids")
    p.add_argument("--context-window", type=int, required=True)
    for name, value in (("--tokens-per-sample", 0), ("--blocks", 16), ("--threads", 1)):
        p.add_argument(name, type=int, default=value)
    p.add_argument("--bf16", action="store_true", help="matrix products under torch.autocast")
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    with open(f"{a.model}/config.yaml", encoding="utf-8") as file:
        recipe = {"drop-path": 0, "attention-dropout": 0} | yaml.safe_load(file)
    recipe["layer-norm-eps"] = float(recipe["layer-norm-eps"])
    model = Twin(recipe, load_file(f"{a.model}/model.safetensors"), None).eval()
    with open(a.ids, encoding="utf-8") as file:
        ids = [int(x) for x in file.read().split()]
    size = a.tokens_per_sample or recipe["max-target-positions"]
    blocks = list(blocks_of(ids, recipe["eos-id"], a.context_window, size))
    start, nll = (time.perf_counter(), time.process_time()), 0.0
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=a.bf16):
        for first in range(0, len(blocks), a.blocks):
            part = blocks[first:first + a.blocks]
            longest = max(len(read) for read, _, _ in part)
            read = torch.tensor([read + [0] * (longest - len(read)) for read, _, _ in part])
            new = torch.zeros(read.shape, dtype=torch.bool)  # what comes after a block's end is not looked at
            for row, (_, said, n) in zip(new, part):
                row[len(said) - n:len(said)] = True
            targets = torch.tensor([x for _, said, n in part for x in said[-n:]])
            nll += F.cross_entropy(model.log_odds(read, new).float(), targets, reduction="sum").item()
    wall, cpu = time.perf_counter() - start[0], time.process_time() - start[1]
    print(f"PERPLEXITY {math.exp(nll / len(ids)):.4f} of {len(ids)} tokens\nTOKENS_PER_S {len(ids) / wall:.1f}\n"
          f"TOKENS_PER_CPU_S {len(ids) / cpu:.1f}\nPEAK_KIB {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}")


main()
