"""Small models that fairseq itself trains, with what it computes with them.

    fairseq_golden.py GOLDEN_DIR

writes for each variant GOLDEN_DIR/fairseq/NAME/: the checkpoint as fairseq-train saves it, its dictionaries, codes of
subword-nmt or a SentencePiece model, and golden.json: for translation token ids of sentences, logits of the decoder
forced along the best output, and n-best lists of fairseq's own generator (the
checkpoint of "post" names no languages, so that its dictionary is dict.txt); for language models ids of lines and
log-probabilities. "old" is a model whose checkpoint is written as versions before 0.8 did: without zip, query, key and
value in one matrix, numbered norms. Run with fairseq 0.12.2, subword-nmt 0.3.8 and sentencepiece; needs no GPU.
"""
import argparse
import collections
import importlib
import io
import json
import pathlib
import random
import shutil
import sys
import tempfile

import sentencepiece
import torch
from fairseq import checkpoint_utils
from fairseq.sequence_generator import SequenceGenerator
from subword_nmt.apply_bpe import BPE
from subword_nmt.learn_bpe import learn_bpe

WORDS = {"the": "die", "a": "eine", "small": "kleine", "old": "alte", "red": "rote", "cat": "katze", "dog": "hündin",
         "house": "hütte", "street": "straße", "sees": "sieht", "likes": "mag", "finds": "findet", "and": "und"}
SIZE = ["--encoder-embed-dim", "8", "--encoder-ffn-embed-dim", "12", "--encoder-layers", "2",
        "--encoder-attention-heads", "4", "--decoder-embed-dim", "8", "--decoder-ffn-embed-dim", "16",
        "--decoder-layers", "1", "--decoder-attention-heads", "2"]
LM_SIZE = ["--task", "language_modeling", "--decoder-embed-dim", "8", "--decoder-ffn-embed-dim", "16",
           "--decoder-layers", "2", "--decoder-attention-heads", "2", "--tokens-per-sample", "24"]
VARIANTS = {
    "post": dict(arch=["transformer_iwslt_de_en"] + SIZE + ["--share-all-embeddings"], joint=True, unnamed=True),
    "pre": dict(arch=["transformer"] + SIZE + ["--encoder-normalize-before", "--decoder-normalize-before",
                                               "--activation-fn", "gelu", "--decoder-learned-pos"]),
    "old": dict(arch=["transformer"] + SIZE + ["--share-decoder-input-output-embed"], old=True),
    "pieces": dict(arch=["transformer"] + SIZE + ["--share-all-embeddings"], joint=True, pieces=True),
    "lm": dict(arch=["transformer_lm_gpt"] + LM_SIZE + ["--share-decoder-input-output-embed"], lm=True),
    "lm_adaptive": dict(arch=["transformer_lm_wiki103"] + LM_SIZE + [
        "--adaptive-input-cutoff", "12,20", "--adaptive-softmax-cutoff", "12,20", "--adaptive-input-factor", "2",
        "--adaptive-softmax-factor", "2", "--criterion", "adaptive_loss", "--ddp-backend",
        "legacy_ddp", "--dropout", "0.1"], lm=True, words=True),
}


def corpus(seed, n):
    rng = random.Random(seed)
    nouns, verbs = ["cat", "dog", "house", "street"], ["sees", "likes", "finds"]
    phrase = lambda: [rng.choice(["the", "a"])] + rng.sample(["small", "old", "red"], rng.randint(0, 2)) + [
        rng.choice(nouns)]
    lines = []
    for _ in range(n):
        line = phrase() + [rng.choice(verbs)] + phrase()
        if rng.random() < 0.3:
            line += ["and", rng.choice(verbs)] + phrase()
        lines.append((" ".join(line), " ".join(WORDS[w] for w in line)))
    return lines


def cutter(variant, texts, directory):
    if variant.get("words"):
        return lambda line: line
    if variant.get("pieces"):
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(texts), model_writer=model, vocab_size=60,
                                                 minloglevel=2, num_threads=1, hard_vocab_limit=False,
                                                 normalization_rule_name="identity")
        (directory / "sentencepiece.bpe.model").write_bytes(model.getvalue())
        processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
        return lambda line: " ".join(processor.encode(line, out_type=str))
    codes = io.StringIO()
    learn_bpe(io.StringIO("\n".join(texts) + "\n"), codes, 30)
    (directory / "bpecodes").write_text(codes.getvalue(), encoding="utf-8")
    bpe = BPE(io.StringIO(codes.getvalue()))
    return bpe.segment


def run(module, *arguments):
    sys.argv = [module, *map(str, arguments)]
    importlib.import_module(f"fairseq_cli.{module}").cli_main()


def train(variant, work, directory):
    lines = corpus(1, 400)
    cut = cutter(variant, [text for pair in lines for text in pair], directory)
    is_lm = variant.get("lm")
    for split, part in (("train", lines[:360]), ("valid", lines[360:])):
        for side, language in ((0, "en"),) if is_lm else ((0, "en"), (1, "de")):
            name = split if is_lm else f"{split}.{language}"
            (work / name).write_text("".join(cut(pair[side]) + "\n" for pair in part), encoding="utf-8")
    common = ["--trainpref", work / "train", "--validpref", work / "valid", "--destdir", work / "bin"]
    if is_lm:
        run("preprocess", "--only-source", *common)
    else:
        run("preprocess", "-s", "en", "-t", "de", *common, *(["--joined-dictionary"] if variant.get("joint") else []))
    run("train", work / "bin", "--arch", *variant["arch"], "--save-dir", work / "checkpoints", "--cpu", "--optimizer",
        "adam", "--lr", "0.01", "--max-tokens", "600", "--max-update", "100", "--no-save-optimizer-state", "--seed", "1",
        "--disable-validation", "--no-epoch-checkpoints", "--clip-norm", "1", "--max-target-positions", "40",
        *([] if is_lm else ["--max-source-positions", "40"]),
        *([] if is_lm or variant.get("unnamed") else ["-s", "en", "-t", "de"]))
    for path in (work / "bin").glob("dict*.txt"):
        shutil.copy(path, directory / ("dict.txt" if variant.get("unnamed") else path.name))
    return work / "checkpoints" / "checkpoint_last.pt", cut


def make_old(path, out):
    """The same model as old versions saved it: its settings in "args", nothing in "cfg"."""
    state = torch.load(path, map_location="cpu")
    model, old = state["model"], collections.OrderedDict()
    norms = {"encoder": {"self_attn_layer_norm": 0, "final_layer_norm": 1},
             "decoder": {"self_attn_layer_norm": 0, "encoder_attn_layer_norm": 1, "final_layer_norm": 2}}
    for name, value in model.items():
        parts = name.split(".")
        if parts[-2] == "q_proj":
            triple = [model[name.replace("q_proj", p)] for p in ("q_proj", "k_proj", "v_proj")]
            old[".".join(parts[:-2] + ["in_proj_" + parts[-1]])] = torch.cat(triple)
        elif parts[-2] in ("k_proj", "v_proj") or name == "decoder.output_projection.weight":
            continue
        elif parts[1] == "layers" and parts[3] in norms[parts[0]]:
            old[".".join(parts[:3] + ["layer_norms", str(norms[parts[0]][parts[3]])] + parts[4:])] = value
        elif not name.endswith("version"):
            old[name] = value
    old["encoder.embed_positions.weights"] = torch.zeros(3, 8)
    torch.save({"args": state["cfg"]["model"], "model": old, "optimizer_history": state["optimizer_history"],
                "extra_state": {"epoch": 3, "val_loss": 1.5}}, out, _use_new_zipfile_serialization=False)


def translate(model, task, cut, text):
    source = task.source_dictionary.encode_line(cut(text), append_eos=True, add_if_not_exist=False).long()
    generator = SequenceGenerator([model], task.target_dictionary, beam_size=4, max_len_b=20)
    sample = {"net_input": {"src_tokens": source[None], "src_lengths": torch.tensor([len(source)])}}
    with torch.no_grad():
        found = generator.generate([model], sample)[0]
        target = found[0]["tokens"]
        inputs = torch.cat([target[-1:], target[:-1]])[None]
        logits = model(source[None], torch.tensor([len(source)]), inputs)[0][0]
    detokenize = "sentencepiece" if "▁" in "".join(task.target_dictionary.symbols) else "subword_nmt"
    return {"text": text, "source": source.tolist(), "target": target.tolist(),
            "logits": [[round(float(x), 5) for x in row] for row in logits],
            "nbest": [{"text": task.target_dictionary.string(h["tokens"], detokenize), "score": float(h["score"]),
                       "tokens": len(h["tokens"])} for h in found]}


def score(model, task, cut, text):
    dictionary = task.source_dictionary
    ids = dictionary.encode_line(cut(text), append_eos=True, add_if_not_exist=False).long()
    with torch.no_grad():
        output = model(torch.cat([ids[-1:], ids[:-1]])[None])
        log_probs = model.get_normalized_probs(output, True, {"target": ids[None]})[0]
    return {"text": text, "ids": ids.tolist(), "log_probs": [float(log_probs[i, t]) for i, t in enumerate(ids)]}


def make(name, variant, golden):
    directory = golden / name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as work:
        path, cut = train(variant, pathlib.Path(work), directory)
        if variant.get("old"):
            make_old(path, directory / "model.pt")
        else:
            shutil.copy(path, directory / "model.pt")
        models, _, task = checkpoint_utils.load_model_ensemble_and_task([str(path)],
                                                                       {"data": str(pathlib.Path(work) / "bin")})
    model = models[0].eval()
    texts = [pair[0] for pair in corpus(2, 2)] + ["the unknown dog likes x"]
    compute = score if variant.get("lm") else translate
    sentences = [compute(model, task, cut, text) for text in texts]
    (directory / "golden.json").write_text(json.dumps({"sentences": sentences}, ensure_ascii=False) + "\n",
                                           encoding="utf-8")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("golden")
    parser.add_argument("--only")
    arguments = parser.parse_args()
    for name, variant in VARIANTS.items():
        if arguments.only in (None, name):
            make(name, variant, pathlib.Path(arguments.golden) / "fairseq")


main()
