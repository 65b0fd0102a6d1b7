"""Answers of a Hugging Face classifier of sentences by transformers or ONNX Runtime, to compare rdrop-predict's speed with.

    predict_bench.py HF_DIR LINES [--engine torch|onnx|onnx-int8] [--batch N] [--sort] [--threads N] [--output FILE]

LINES has a sentence a line, or two with a tab between. Tokenizing counts; loading the model, and making ONNX files of it in
HF_DIR, does not. --sort answers lines of like length together. Prints SENTENCES_PER_S and SENTENCES_PER_CPU_S (of all threads'
time), and PEAK_KIB of the process; --output gets the labels' numbers. A dynamic int8 model is what onnxruntime.quantization makes.
"""
import argparse
import os
import resource
import time


def by_torch(a):
    import torch
    from transformers import AutoModelForSequenceClassification

    torch.set_num_threads(a.threads)
    model = AutoModelForSequenceClassification.from_pretrained(a.model).eval()

    def answer(inputs):
        with torch.inference_mode():
            return model(**{k: torch.from_numpy(v) for k, v in inputs.items()}).logits.argmax(-1).tolist()

    return answer


def export(directory, path):
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(directory, attn_implementation="eager").eval()
    inputs = dict(AutoTokenizer.from_pretrained(directory)(["one", "two sentences"], return_tensors="pt", padding=True))
    names = ["input_ids", "token_type_ids", "attention_mask"]

    class Positional(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, ids, types, mask):
            return self.model(input_ids=ids, token_type_ids=types, attention_mask=mask).logits

    axes = {name: {0: "batch", 1: "length"} for name in names}
    torch.onnx.export(Positional(), tuple(inputs[name] for name in names), path, input_names=names, output_names=["logits"],
                      dynamic_axes=axes, opset_version=17, dynamo=False)


def by_onnx(a):
    import onnxruntime

    path = f"{a.model}/{a.engine}.onnx"
    if not os.path.exists(path):
        whole = f"{a.model}/onnx.onnx"
        if not os.path.exists(whole):
            export(a.model, whole)
        if a.engine == "onnx-int8":
            from onnxruntime.quantization import QuantType, quantize_dynamic
            quantize_dynamic(whole, path, weight_type=QuantType.QInt8)
        print("exported; run again to measure")
        raise SystemExit(0)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = a.threads, 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda inputs: session.run(None, inputs)[0].argmax(-1).tolist()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("model")
    p.add_argument("lines")
    p.add_argument("--engine", choices=("torch", "onnx", "onnx-int8"), default="torch")
    p.add_argument("--batch", type=int, default=32)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--sort", action="store_true")
    p.add_argument("--output")
    a = p.parse_args()
    with open(a.lines, encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file]
    from tokenizers import Tokenizer  # alone it is faster than transformers' wrapper, and needs no PyTorch

    tokenizer = Tokenizer.from_file(f"{a.model}/tokenizer.json")
    tokenizer.enable_padding()
    tokenizer.enable_truncation(max_length=128)
    answer = by_torch(a) if a.engine == "torch" else by_onnx(a)
    answers = [None] * len(rows)

    def answer_rows(chosen):
        import numpy as np

        encoded = tokenizer.encode_batch([tuple(rows[i]) if len(rows[i]) > 1 else rows[i][0] for i in chosen])
        inputs = {name: np.array([getattr(e, key) for e in encoded], dtype=np.int64) for name, key in
                  (("input_ids", "ids"), ("token_type_ids", "type_ids"), ("attention_mask", "attention_mask"))}
        for i, label in zip(chosen, answer(inputs)):
            answers[i] = label

    order = list(range(len(rows)))
    if a.sort:
        order.sort(key=lambda i: sum(map(len, rows[i])))
    answer_rows(order[:a.batch])  # once before it counts
    start = time.perf_counter(), time.process_time()
    for first in range(0, len(order), a.batch):
        answer_rows(order[first:first + a.batch])
    for name, seconds in (("SENTENCES_PER_S", time.perf_counter() - start[0]),
                          ("SENTENCES_PER_CPU_S", time.process_time() - start[1])):
        print(f"{name} {len(rows) / seconds:.1f}")
    print("PEAK_KIB", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    if a.output:
        with open(a.output, "w", encoding="utf-8") as file:
            file.writelines(f"{label}\n" for label in answers)


main()
