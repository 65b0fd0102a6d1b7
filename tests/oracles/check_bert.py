"""Whether rdrop-convert and rdrop-predict compute with BERT and RoBERTa models what transformers does.

    check_bert.py BIN_DIR VOCAB_DIR [MINILM_DIR]

VOCAB_DIR holds vocab.txt (BERT), and vocab.json and merges.txt (RoBERTa). Random small models of both kinds, with heads of
classes, of one number and none, under new and old names of tensors, are imported, predict the same sentences, alone and
together, are exported again and compared; then MINILM_DIR's vectors. Prints the largest differences.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import torch
from safetensors.torch import load_file, save_file
from transformers import (AutoModel, AutoModelForSequenceClassification, AutoTokenizer, BertConfig, BertForSequenceClassification,
                          BertModel, BertTokenizerFast, RobertaConfig, RobertaForSequenceClassification, RobertaTokenizerFast)

ROWS = [("A man is eating.", None), ("Hello world, naïve café!", None), ("The quick brown fox", "jumps over the lazy dog."),
        ("So what?", "So nothing, and a longer second sentence than the first one was; truly longer."), ("x", "y")]


def run(*command, **kwargs):
    return subprocess.run([str(c) for c in command], check=True, capture_output=True, text=True, **kwargs).stdout


def predict(bin_dir, model, rows, *options):
    text = "".join("\t".join(part for part in row if part) + "\n" for row in rows)
    lines = run(bin_dir / "rdrop-predict", "--model", model, "--plain", "--json", "--precision", "fp32", *options, input=text)
    answers = [json.loads(line) for line in lines.splitlines()]
    return [a.get("vector") or list(a.get("probabilities", {}).values()) or [a["value"]] for a in answers]


def expected(model, tokenizer, rows, mode):
    answers = []
    for first, second in rows:
        inputs = tokenizer(first, second, return_tensors="pt")
        with torch.no_grad():
            out = model(**inputs)
        if mode == "mean":
            answers.append(torch.nn.functional.normalize(out.last_hidden_state[0].mean(0), dim=0).tolist())
        elif mode == "value":
            answers.append(out.logits[0].tolist())
        else:
            answers.append(out.logits[0].softmax(-1).tolist())
    return answers


def distance(a, b):
    return max(abs(x - y) for row_a, row_b in zip(a, b, strict=True) for x, y in zip(row_a, row_b, strict=True))


def randomize(model):
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return model.eval()


def rename_old(directory):
    path = directory / "model.safetensors"
    tensors = {name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): value
               for name, value in load_file(path).items()}
    save_file(tensors, path, metadata={"format": "pt"})


def check(bin_dir, name, model, tokenizer, mode, work, old=False):
    directory, ours, back = work / name, work / (name + "-ours"), work / (name + "-back")
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    if old:
        rename_old(directory)
    run(bin_dir / "rdrop-convert", "--import", directory, "--output", ours)
    options = ["--embed", "--pooling", "mean"] if mode == "mean" else []
    wanted = expected(model, tokenizer, ROWS, mode)
    together = predict(bin_dir, ours, ROWS, *options)
    alone = [predict(bin_dir, ours, [row], *options)[0] for row in ROWS]
    run(bin_dir / "rdrop-convert", "--export", ours, "--output", back)
    reread = (AutoModel if mode == "mean" else AutoModelForSequenceClassification).from_pretrained(back).eval()
    again = expected(reread, AutoTokenizer.from_pretrained(back), ROWS, mode)
    print(f"{name}: {distance(together, wanted):.1e} from transformers, {distance(alone, together):.1e} alone, "
          f"{distance(again, wanted):.1e} exported")


def main():
    bin_dir, vocab = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    torch.manual_seed(1)
    shape = dict(hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=80)
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        bert = BertTokenizerFast(vocab=str(vocab / "vocab.txt"))
        roberta = RobertaTokenizerFast(vocab=str(vocab / "vocab.json"), merges=str(vocab / "merges.txt"))
        for labels, mode in ((3, "classes"), (1, "value")):
            config = BertConfig(vocab_size=len(bert), num_labels=labels, **shape)
            check(bin_dir, f"bert-{mode}", randomize(BertForSequenceClassification(config)), bert, mode, work, labels == 1)
            config = RobertaConfig(vocab_size=len(roberta), num_labels=labels, max_position_embeddings=130, type_vocab_size=1,
                                   pad_token_id=roberta.pad_token_id, bos_token_id=roberta.bos_token_id,
                                   eos_token_id=roberta.eos_token_id, layer_norm_eps=1e-5, **shape)
            check(bin_dir, f"roberta-{mode}", randomize(RobertaForSequenceClassification(config)), roberta, mode, work)
        config = BertConfig(vocab_size=len(bert), hidden_act="gelu_new", **shape)
        check(bin_dir, "bert-mean", randomize(BertModel(config)), bert, "mean", work, True)
        if len(sys.argv) > 3:
            check(bin_dir, "minilm", AutoModel.from_pretrained(sys.argv[3]).eval(), AutoTokenizer.from_pretrained(sys.argv[3]),
                  "mean", work)


main()
