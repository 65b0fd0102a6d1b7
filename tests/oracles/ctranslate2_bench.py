#!/usr/bin/env python3
"""CTranslate2 at what bench-translate does, as JSON of the same keys; recipes/bench.sh runs both.

  ctranslate2_bench.py MODEL SPM INPUT --type float32|int8|bfloat16 --beam N --threads N
                       [--single N] [--length N]

MODEL: a directory of CTranslate2's; SPM: its SentencePiece model. Batches: a translator thread for
each core, 1,024 tokens at a time, which is its fastest way; single sentences: one thread, or all,
whichever is faster.
"""
import argparse
import gzip
import json
import resource
import sys
import time

import ctranslate2
import sentencepiece

parser = argparse.ArgumentParser()
parser.add_argument("model")
parser.add_argument("spm")
parser.add_argument("input")
parser.add_argument("--type", default="float32")
parser.add_argument("--beam", type=int, default=5)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--single", type=int, default=0)
parser.add_argument("--length", type=int, default=0)
args = parser.parse_args()

start = time.time()
pieces = sentencepiece.SentencePieceProcessor(model_file=args.spm)
options = dict(beam_size=args.beam, max_decoding_length=args.length or 200)
if args.length:
    options["min_decoding_length"] = args.length


def load(inter, intra):
    return ctranslate2.Translator(args.model, compute_type=args.type, inter_threads=inter,
                                  intra_threads=intra)


def translate(translator, lines):
    """Tokens, from text to text."""
    sources = [pieces.encode(line, out_type=str) + ["</s>"] for line in lines]
    found = translator.translate_batch(sources, max_batch_size=1024, batch_type="tokens", **options)
    for one in found:
        pieces.decode(one.hypotheses[0])
    return sum(len(one.hypotheses[0]) for one in found)


with (gzip.open if args.input.endswith(".gz") else open)(args.input, "rt", encoding="utf-8") as f:
    lines = [line.rstrip("\n") for line in f]
results = {}
if args.single:
    best = None
    for intra in {1, args.threads}:
        start = time.time()
        translator = load(1, intra)
        loaded = time.time() - start
        translate(translator, lines[:1])
        first = time.time() - start
        times, tokens = [], 0
        for line in lines[: args.single]:
            begin = time.time()
            tokens += translate(translator, [line])
            times.append(time.time() - begin)
        if best is None or tokens / sum(times) > best["tokens_per_second"]:
            ranked = sorted(times)
            best = dict(tokens_per_second=tokens / sum(times), load=loaded, first=first,
                        p50=ranked[len(ranked) // 2], p95=ranked[len(ranked) * 95 // 100])
    results = best
else:
    translator = load(args.threads, 1)
    results["load"] = time.time() - start
    translate(translator, lines[:1])
    results["first"] = time.time() - start
    begin = time.time()
    tokens = translate(translator, lines)
    results["tokens_per_second"] = tokens / (time.time() - begin)
results["peak_memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
json.dump(results, sys.stdout, indent=1)
print()
