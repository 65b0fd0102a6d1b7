"""Small random models in Marian's own format with what Marian itself and transformers compute with them.

    marian_npz_golden.py GOLDEN_DIR

writes for each variant GOLDEN_DIR/marian_npz/NAME/: model.npz with its settings, decoder.yml, vocabularies, and
golden.json: for each sentence its ids, the n best translations of Marian with their log P and scores, and, where
transformers has such models (without a norm behind the embeddings), the logits it gives for a target with the names and transposes of its
convert_marian_to_pytorch.py: with its own positions and norms, and with Marian's, whose frequencies and epsilon differ a
little. With these it must give Marian's log P.

Needs pymarian besides torch and transformers; MARIAN_PYTHON names the interpreter that has it, this one by default.
"""
import io
import json
import math
import os
import pathlib
import random
import subprocess
import sys

import numpy
import sentencepiece
import torch
import yaml
from transformers import MarianConfig, MarianMTModel

from marian_golden import SENTENCES, pieces_of, sentencepieces, vocabulary

WORDS = {"source": "the house houses is small red dog dogs runs run over green hill hills are and a".split(),
         "target": "das haus häuser ist klein roter hund läuft über grün hügel sind und ein könig".split()}
VARIANTS = {
    "opus": dict(width=12, ffn=16, layers=(2, 1), heads=4, activation="swish", tied="all", vocab="joint"),
    "separate": dict(width=12, ffn=20, layers=(1, 2), heads=2, activation="relu", tied="target",
                     vocab="separate"),
    "spm": dict(width=12, ffn=16, layers=(1, 1), heads=3, activation="relu", tied="none", vocab="spm",
                emb_norm=True),
}


def settings_of(variant, sizes):
    """What Marian writes into special:model.yml, as far as a transformer reads it."""
    tied = variant["tied"]
    return {"dec-cell": "gru", "dec-cell-base-depth": 2, "dec-cell-high-depth": 1, "dec-depth": variant["layers"][1],
            "dim-emb": variant["width"], "dim-rnn": 1024, "dim-vocabs": sizes, "enc-cell": "gru", "enc-cell-depth": 1,
            "enc-depth": variant["layers"][0], "enc-type": "bidirectional", "factors-combine": "sum",
            "factors-dim-emb": 0, "input-types": [], "layer-normalization": False, "lemma-dim-emb": 0,
            "output-omit-bias": False, "right-left": False, "skip": False, "tied-embeddings": tied == "target",
            "tied-embeddings-all": tied == "all", "tied-embeddings-src": False, "transformer-aan-activation": "swish",
            "transformer-aan-depth": 2, "transformer-aan-nogate": False,
            "transformer-decoder-autoreg": "self-attention", "transformer-depth-scaling": False,
            "transformer-dim-aan": 2048, "transformer-dim-ffn": variant["ffn"],
            "transformer-ffn-activation": variant["activation"], "transformer-ffn-depth": 2,
            "transformer-guided-alignment-layer": "last", "transformer-heads": variant["heads"],
            "transformer-no-projection": False, "transformer-postprocess": "dan",
            "transformer-postprocess-emb": "nd" if variant.get("emb_norm") else "d",
            "transformer-postprocess-top": "", "transformer-preprocess": "",
            "transformer-tied-layers": [], "transformer-train-position-embeddings": False, "type": "transformer",
            "ulr": False, "ulr-dim-emb": 0, "ulr-trainable-transformation": False, "version": "v1.12.0"}


def arrays_of(variant, sizes, seed):
    """Random parameters under Marian's names, [inputs, outputs], biases and norms [1, width]."""
    rng = numpy.random.default_rng(seed)
    width, arrays = variant["width"], {}

    def add(name, rows, columns, spread, centre=0.0):
        arrays[name] = (centre + spread * rng.standard_normal((rows, columns))).astype(numpy.float32)

    def norm(name):
        add(f"{name}_ln_scale", 1, width, 0.3, 1.0)
        add(f"{name}_ln_bias", 1, width, 0.3)

    def attention(prefix):
        for part in "qkvo":
            add(f"{prefix}_W{part}", width, width, 1.5 * width ** -0.5)
            add(f"{prefix}_b{part}", 1, width, 0.3)
        norm(f"{prefix}_Wo")

    if variant["tied"] == "all":
        add("Wemb", sizes[0], width, 0.5)
    else:
        add("encoder_Wemb", sizes[0], width, 0.5)
        add("decoder_Wemb", sizes[1], width, 0.5)
    for side, layers in zip(("encoder", "decoder"), variant["layers"]):
        for layer in range(1, layers + 1):
            attention(f"{side}_l{layer}_self")
            if side == "decoder":
                attention(f"{side}_l{layer}_context")
            add(f"{side}_l{layer}_ffn_W1", width, variant["ffn"], 1.5 * width ** -0.5)
            add(f"{side}_l{layer}_ffn_b1", 1, variant["ffn"], 0.3)
            add(f"{side}_l{layer}_ffn_W2", variant["ffn"], width, 1.5 * variant["ffn"] ** -0.5)
            add(f"{side}_l{layer}_ffn_b2", 1, width, 0.3)
            norm(f"{side}_l{layer}_ffn_ffn")
        if variant.get("emb_norm"):
            for part, centre in (("scale", 1.0), ("bias", 0.0)):
                add(f"{side}_emb_ln_{part}_pre", 1, width, 0.3, centre)
    if variant["tied"] == "none":
        add("decoder_ff_logit_out_W", width, sizes[1], 1.5 * width ** -0.5)
    add("decoder_ff_logit_out_b", 1, sizes[1], 1.0)
    arrays["decoder_ff_logit_out_b"][0, 0] = 0.5 * (seed % 7)
    return arrays


def write_yml(path, ids):
    path.write_text("".join(f"{json.dumps(piece, ensure_ascii=False)}: {number}\n" for piece, number in ids.items()),
                    encoding="utf-8")


def sentencepieces_of_marian(seed, words, size):
    """A SentencePiece model as Marian trains its own, text and ids in one."""
    rng = random.Random(seed)
    lines = [" ".join(rng.choice(words) for _ in range(rng.randint(2, 8))) for _ in range(400)]
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=model, vocab_size=size, minloglevel=2, num_threads=1,
        hard_vocab_limit=False, normalization_rule_name="identity", bos_id=-1, eos_id=0, unk_id=1)
    return model.getvalue()


def write_vocabularies(variant, seed, directory):
    """Returns the names of the vocabularies, and the pieces and ids of both sides."""
    if variant["vocab"] == "spm":
        names, models = ["vocab.src.spm", "vocab.trg.spm"], []
        for name, side, size in zip(names, ("source", "target"), (50, 60)):
            models.append(sentencepieces_of_marian(seed, WORDS[side], size))
            (directory / name).write_bytes(models[-1])
        return names, [{piece: i for i, piece in enumerate(pieces_of(model))} for model in models]
    models = {side: sentencepieces(number, WORDS[side], size)
              for number, (side, size) in enumerate((("source", 50), ("target", 60)), 1)}
    for side, model in models.items():
        (directory / f"{side}.spm").write_bytes(model)
    if variant["vocab"] == "joint":
        ids = vocabulary(seed, *models.values())
        del ids["<pad>"]
        write_yml(directory / "vocab.yml", ids)
        return ["vocab.yml", "vocab.yml"], [ids, ids]
    ids = [vocabulary(seed + number, model) for number, model in enumerate(models.values())]
    for side, number in (("src", 0), ("trg", 1)):
        del ids[number]["<pad>"]
        write_yml(directory / f"{side}.vocab.yml", ids[number])
    return ["src.vocab.yml", "trg.vocab.yml"], ids


def encode(directory, variant, text, ids):
    name = "vocab.src.spm" if variant["vocab"] == "spm" else "source.spm"
    processor = sentencepiece.SentencePieceProcessor(model_file=str(directory / name))
    code = text[:text.index("<<") + 2] if text.startswith(">>") else ""
    pieces = ([code] if code else []) + processor.encode(text[len(code):], out_type=str)
    return pieces, [ids.get(piece, ids["<unk>"]) for piece in pieces] + [ids["</s>"]]


def marian_positions(n, width):
    frequencies = numpy.exp(-numpy.arange(width // 2) * math.log(10000) / (width / 2 - 1))
    angles = numpy.arange(n)[:, None] * frequencies
    return torch.tensor(numpy.concatenate([numpy.sin(angles), numpy.cos(angles)], 1), dtype=torch.float32)


NAMES = {"Wq": "q_proj.weight", "Wk": "k_proj.weight", "Wv": "v_proj.weight", "Wo": "out_proj.weight",
         "bq": "q_proj.bias", "bk": "k_proj.bias", "bv": "v_proj.bias", "bo": "out_proj.bias"}


def transformers_model(variant, sizes, arrays):
    """As convert_marian_to_pytorch.py: everything but embeddings transposed, a pad of zeros behind the pieces."""
    pad = max(sizes)
    config = MarianConfig(vocab_size=pad + 1, decoder_vocab_size=pad + 1, d_model=variant["width"],
                          encoder_layers=variant["layers"][0], decoder_layers=variant["layers"][1],
                          encoder_attention_heads=variant["heads"], decoder_attention_heads=variant["heads"],
                          encoder_ffn_dim=variant["ffn"], decoder_ffn_dim=variant["ffn"], scale_embedding=True,
                          activation_function=variant["activation"], pad_token_id=pad, decoder_start_token_id=pad,
                          eos_token_id=0, max_position_embeddings=64, tie_word_embeddings=variant["tied"] != "none",
                          share_encoder_decoder_embeddings=variant["tied"] == "all")
    model, state = MarianMTModel(config).eval(), {}

    def rows(array):
        return torch.cat([torch.tensor(array), torch.zeros(pad + 1 - len(array), array.shape[1])])

    for side in ("encoder", "decoder"):
        state[f"model.{side}.embed_tokens.weight"] = rows(arrays.get("Wemb", arrays.get(f"{side}_Wemb")))
    state["lm_head.weight"] = state["model.decoder.embed_tokens.weight"]
    if variant["tied"] == "all":
        state["model.shared.weight"] = state["lm_head.weight"]
    state["final_logits_bias"] = rows(arrays["decoder_ff_logit_out_b"].T).T
    for name, array in arrays.items():
        side, _, rest = name.partition("_l")
        layer, _, rest = rest.partition("_")
        if not layer.isdigit():
            continue
        part, _, rest = rest.partition("_")
        prefix = f"model.{side}.layers.{int(layer) - 1}."
        block = {"self": "self_attn", "context": "encoder_attn", "ffn": "final"}[part]
        if "ln_" in rest:
            key = f"{block}_layer_norm." + ("weight" if rest.endswith("scale") else "bias")
        elif part == "ffn":
            key = f"fc{rest[1]}." + ("weight" if rest[0] == "W" else "bias")
        else:
            key = f"{block}.{NAMES[rest]}"
        state[prefix + key] = torch.tensor(array.T).squeeze()
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected and all("embed_positions" in name for name in missing), (missing, unexpected)
    return model


def logits_of(model, sentence, size):
    config = model.config
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([sentence["source"]]),
                       decoder_input_ids=torch.tensor([[config.pad_token_id] + sentence["target"][:-1]])).logits
    return [float(f"{value:.7g}") for value in logits[0, :, :size].double().flatten().tolist()]


MARIAN = """
import json, sys
from pymarian import Translator
options, lines = json.load(sys.stdin)
print(json.dumps(Translator(**options).translate(lines)))
"""


def marian(lines, **options):
    options = {"cpu_threads": 1, "mini_batch": 1, "maxi_batch": 1, "quiet": True, "n_best": True, **options}
    output = subprocess.run([os.environ.get("MARIAN_PYTHON", sys.executable), "-c", MARIAN], text=True, check=True,
                            input=json.dumps([options, lines]), stdout=subprocess.PIPE).stdout
    return json.loads(output.splitlines()[-1])


def main():
    for number, (name, variant) in enumerate(VARIANTS.items()):
        make(pathlib.Path(sys.argv[1]) / "marian_npz" / name, variant, number)


def log_prob(logits, target, size):
    """Of rows over `size` pieces."""
    rows = torch.tensor(logits, dtype=torch.float64).reshape(-1, size).log_softmax(1)
    return sum(rows[i, token].item() for i, token in enumerate(target))


def hypotheses(entries, ids, normalize):
    """Marian's n-best list of one sentence, best first, without what was cut at the longest output."""
    for entry in entries:
        _, text, score, total = entry.split(" ||| ")
        pieces = text.split()
        length = (float(score.split()[-1]) / float(total)) ** (1 / normalize)
        if round(length) == len(pieces) + 1:
            yield {"pieces": pieces, "target": [ids[piece] for piece in pieces] + [0],
                   "log_prob": float(score.split()[-1]), "score": float(total)}


def save(variant, names, sizes, arrays, search, directory):
    settings = yaml.safe_dump(settings_of(variant, sizes)).encode() + b"\0"
    everything = {**arrays, "special:model.yml": numpy.frombuffer(settings, numpy.int8)}
    numpy.savez(directory / "model.npz", **everything)
    (directory / "decoder.yml").write_text(yaml.safe_dump(
        {"relative-paths": True, "models": ["model.npz"], "vocabs": names, **search}))
    return everything


def translate(variant, names, texts, ids, search, directory):
    options = {"models": [str(directory / "model.npz")], "vocabs": [str(directory / vocab) for vocab in names],
               **{key.replace("-", "_"): value for key, value in search.items()}}
    if variant["vocab"] == "spm":
        options |= {"no_spm_encode": True, "no_spm_decode": True}
    found = marian([" ".join(pieces) for _, pieces, _ in texts], **options)
    return [{"text": text, "source": source, "marian": list(hypotheses(
        [entry for entry in found if entry.startswith(f"{i} ")], ids, search["normalize"]))}
            for i, (text, _, source) in enumerate(texts)]


def is_telling(sentences):
    """Whether translations are of several lengths, and most end by themselves."""
    lengths = [len(hypothesis["pieces"]) for sentence in sentences for hypothesis in sentence["marian"]]
    return all(sentence["marian"] for sentence in sentences) and len(set(lengths)) > 4 and max(lengths) > 6


def add_logits(variant, sizes, arrays, sentences):
    model = transformers_model(variant, sizes, arrays)
    for i, sentence in enumerate(sentences):
        sentence["target"] = [2 + (7 * i + 3 * k) % (sizes[1] - 3) for k in range(3)] + [0]
        sentence["logits_of_transformers"] = logits_of(model, sentence, sizes[1])
    for side in (model.model.encoder, model.model.decoder):  # from here on as Marian
        side.embed_positions.weight.data = marian_positions(64, variant["width"])
    for module in model.modules():
        if isinstance(module, torch.nn.LayerNorm):
            module.eps = 1e-6
    for sentence in sentences:
        sentence["logits"] = logits_of(model, sentence, sizes[1])
        for hypothesis in sentence["marian"]:
            logits = logits_of(model, {**sentence, "target": hypothesis["target"]}, sizes[1])
            got = log_prob(logits, hypothesis["target"], sizes[1])
            assert abs(got - hypothesis["log_prob"]) < 1e-3, (got, hypothesis)


def make(directory, variant, number):
    directory.mkdir(parents=True, exist_ok=True)
    names, ids = write_vocabularies(variant, number, directory)
    sizes = [max(side.values()) + 1 for side in ids]
    search = {"beam-size": 4, "normalize": 0.6, "word-penalty": 0, "max-length-factor": 2}
    texts = [(text, *encode(directory, variant, text, ids[0]))
             for text in (text.replace("\t", " ") for text in SENTENCES)]
    for seed in range(100):
        arrays = arrays_of(variant, sizes, seed)
        everything = save(variant, names, sizes, arrays, search, directory)
        sentences = translate(variant, names, texts, ids[1], search, directory)
        if is_telling(sentences):
            break
    print(directory, seed, [[h["log_prob"] for h in sentence["marian"]] for sentence in sentences])
    if variant["vocab"] != "joint":  # which Marian does not read, but numpy may have written
        numpy.savez_compressed(directory / "model.npz", **everything)
    if not variant.get("emb_norm"):
        add_logits(variant, sizes, arrays, sentences)
    (directory / "golden.json").write_text(json.dumps({"sentences": sentences}, ensure_ascii=False) + "\n",
                                           encoding="utf-8")


if __name__ == "__main__":
    main()
