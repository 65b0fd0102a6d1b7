"""Answers of a Hugging Face classifier by transformers or ONNX Runtime, to compare rdrop-predict's speed with.

    predict_bench.py HF_DIR LINES [--engine torch|torch-bf16|onnx|onnx-int8] [--pictures] [--batch N] [--sort] [--threads N]
                     [--output FILE]

LINES has a sentence a line, or two with a tab between; with --pictures a JPEG's path. Tokenizing and decoding count; loading the
model, and making ONNX files of it in HF_DIR, does not. --sort answers lines of like length together. Prints ITEMS_PER_S and
ITEMS_PER_CPU_S (of all threads' time), and PEAK_KIB of the process; --output gets the labels' numbers. A dynamic int8 model is
what onnxruntime.quantization makes.
"""
import argparse
import os
import resource
import time


def classifier(a, attention):
    import transformers

    kind = "AutoModelForImageClassification" if a.pictures else "AutoModelForSequenceClassification"
    return getattr(transformers, kind).from_pretrained(a.model, attn_implementation=attention).eval()


def by_torch(a):
    import torch

    torch.set_num_threads(a.threads)
    model = classifier(a, "sdpa")
    dtype = torch.bfloat16 if a.engine == "torch-bf16" else torch.float32
    model = model.to(dtype)

    def tensor(values):
        values = torch.from_numpy(values)
        return values.to(dtype) if values.is_floating_point() else values

    def answer(inputs):
        with torch.inference_mode():
            return model(**{k: tensor(v) for k, v in inputs.items()}).logits.argmax(-1).tolist()

    return answer


def export(a, inputs, path):
    import torch

    model, names = classifier(a, "eager"), list(inputs)

    class Positional(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, *values):
            return self.model(**dict(zip(names, values))).logits

    axes = {name: {0: "batch"} if a.pictures else {0: "batch", 1: "length"} for name in names}
    torch.onnx.export(Positional(), tuple(torch.from_numpy(v) for v in inputs.values()), path, input_names=names,
                      output_names=["logits"], dynamic_axes=axes, opset_version=17, dynamo=False)


def by_onnx(a, inputs):
    import onnxruntime

    path = f"{a.model}/{a.engine}.onnx"
    if not os.path.exists(path):
        whole = f"{a.model}/onnx.onnx"
        if not os.path.exists(whole):
            export(a, inputs, whole)
        if a.engine == "onnx-int8":
            from onnxruntime.quantization import QuantType, quantize_dynamic
            quantize_dynamic(whole, path, weight_type=QuantType.QInt8)
        print("exported; run again to measure")
        raise SystemExit(0)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = a.threads, 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda inputs: session.run(None, inputs)[0].argmax(-1).tolist()


def of_sentences(a, lines):
    """The number of items, how long each is, and the inputs of those that are chosen."""
    import numpy as np
    from tokenizers import Tokenizer  # alone it is faster than transformers' wrapper, and needs no PyTorch

    rows = [line.split("\t") for line in lines]
    tokenizer = Tokenizer.from_file(f"{a.model}/tokenizer.json")
    tokenizer.enable_padding()
    tokenizer.enable_truncation(max_length=128)

    def inputs(chosen):
        encoded = tokenizer.encode_batch([tuple(rows[i]) if len(rows[i]) > 1 else rows[i][0] for i in chosen])
        return {name: np.array([getattr(e, key) for e in encoded], dtype=np.int64) for name, key in
                (("input_ids", "ids"), ("token_type_ids", "type_ids"), ("attention_mask", "attention_mask"))}

    return inputs, lambda i: sum(map(len, rows[i]))


def of_pictures(a, lines):
    import json

    import numpy as np
    from PIL import Image

    with open(f"{a.model}/preprocessor_config.json", encoding="utf-8") as file:
        config = json.load(file)
    size = config["size"]["width"], config["size"]["height"]
    mean, std = (np.array(config[key], dtype=np.float32).reshape(3, 1, 1) for key in ("image_mean", "image_std"))

    def one(path):
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("RGB").resize(size, config["resample"]), dtype=np.float32)
        return (pixels.transpose(2, 0, 1) / 255 - mean) / std

    return lambda chosen: {"pixel_values": np.stack([one(lines[i]) for i in chosen])}, lambda i: 0


def main():
    p = argparse.ArgumentParser()
    p.add_argument("model")
    p.add_argument("lines")
    p.add_argument("--engine", choices=("torch", "torch-bf16", "onnx", "onnx-int8"), default="torch")
    p.add_argument("--pictures", action="store_true")
    p.add_argument("--batch", type=int, default=32)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--sort", action="store_true")
    p.add_argument("--output")
    a = p.parse_args()
    with open(a.lines, encoding="utf-8") as file:
        lines = [line.rstrip("\n") for line in file]
    inputs, length = (of_pictures if a.pictures else of_sentences)(a, lines)
    answer = by_torch(a) if a.engine.startswith("torch") else by_onnx(a, inputs(range(2)))
    order = list(range(len(lines)))
    if a.sort:
        order.sort(key=length)
    answers = [None] * len(lines)
    answer(inputs(order[:a.batch]))  # once before it counts
    start = time.perf_counter(), time.process_time()
    for first in range(0, len(order), a.batch):
        chosen = order[first:first + a.batch]
        for i, label in zip(chosen, answer(inputs(chosen))):
            answers[i] = label
    for name, seconds in (("ITEMS_PER_S", time.perf_counter() - start[0]), ("ITEMS_PER_CPU_S", time.process_time() - start[1])):
        print(f"{name} {len(lines) / seconds:.1f}")
    print("PEAK_KIB", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    if a.output:
        with open(a.output, "w", encoding="utf-8") as file:
            file.writelines(f"{label}\n" for label in answers)


main()
