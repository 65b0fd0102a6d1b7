"""Small random MarianMT models with what Hugging Face's transformers computes with them.

    marian_golden.py GOLDEN_DIR

writes for each variant GOLDEN_DIR/marian/NAME/: the directory as save_pretrained writes it (weights rounded to
bfloat16 where the variant says so), source.spm, target.spm, vocab.json, and golden.json: token ids of sentences,
logits of the decoder forced along given targets, and what generate() gives with the settings of
generation_config.json. Of several random models the first is taken whose outputs are neither empty nor endless, and not
all the same with another early_stopping.
"""
import io
import json
import pathlib
import random
import sys

import sentencepiece
import torch
from transformers import GenerationConfig, MarianConfig, MarianMTModel, MarianTokenizer

SENTENCES = ["The house is small.", "A red dog runs over the green hill", "Ein Garten, zwei Häuser — und ein König!",
             ">>de<< the hills are green", "x", "dogs dogs dogs run and run and run", "☃ unknown  signs\there"]
VARIANTS = {
    "tied": dict(shape=dict(d_model=16, encoder_layers=2, decoder_layers=1, encoder_attention_heads=4,
                            decoder_attention_heads=2, encoder_ffn_dim=24, decoder_ffn_dim=20,
                            activation_function="swish", scale_embedding=True),
                 search=dict(num_beams=3, renormalize_logits=True, no_repeat_ngram_size=3)),
    "untied": dict(shape=dict(d_model=12, encoder_layers=1, decoder_layers=2, encoder_attention_heads=2,
                              decoder_attention_heads=3, encoder_ffn_dim=16, decoder_ffn_dim=28,
                              activation_function="relu", scale_embedding=False, tie_word_embeddings=False,
                              share_encoder_decoder_embeddings=False),
                   search=dict(num_beams=1, no_repeat_ngram_size=2), bfloat16=True),
    "separate": dict(shape=dict(d_model=10, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
                                decoder_attention_heads=1, encoder_ffn_dim=16, decoder_ffn_dim=16,
                                activation_function="gelu", scale_embedding=True,
                                share_encoder_decoder_embeddings=False),
                     search=dict(num_beams=5, early_stopping=True, length_penalty=0.6, no_repeat_ngram_size=2),
                     separate=True, shards=True),
}


def sentencepieces(seed, words, size):
    rng = random.Random(seed)
    lines = [" ".join(rng.choice(words) for _ in range(rng.randint(2, 8))) for _ in range(400)]
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(lines), model_writer=model, vocab_size=size,
                                             minloglevel=2, num_threads=1, hard_vocab_limit=False,
                                             normalization_rule_name="identity")
    return model.getvalue()


def pieces_of(model):
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    return [processor.id_to_piece(i) for i in range(processor.get_piece_size())]


def vocabulary(seed, *models):
    """Ids in an order of their own, </s> and <unk> first, <pad> last, as OPUS-MT's; a piece of one model is missing."""
    pieces = sorted({piece for model in models for piece in pieces_of(model)} - {"<s>", "</s>", "<unk>"})
    random.Random(seed).shuffle(pieces)
    return {piece: i for i, piece in enumerate(["</s>", "<unk>"] + pieces[1:] + [">>de<<", "<pad>"])}


def randomize(model, number):
    rng = torch.Generator().manual_seed(number)
    for name, tensor in model.named_parameters():
        if "embed_positions" in name:
            continue
        spread = 0.3 if tensor.dim() == 1 else 2.0 * tensor.shape[-1] ** -0.5
        if "embed" in name or "shared" in name:
            spread = (0.25, 0.5, 0.8)[number % 3]
        if "norm.weight" in name:
            spread = 1.0
        tensor.data = torch.randn(tensor.shape, generator=rng) * spread
    bias = torch.randn(model.final_logits_bias.shape, generator=rng)
    bias[0, 0] = 0.5 * (number % 7) - 1
    model.final_logits_bias = bias


def make(name, variant, seed, directory):
    source = sentencepieces(1, "the house houses is small red dog dogs runs run over green hill hills are and a".split(), 50)
    target = sentencepieces(2, "das haus häuser ist klein roter hund läuft über grün hügel sind und ein könig".split(), 60)
    directory.mkdir(parents=True, exist_ok=True)
    vocab = vocabulary(seed, source) if variant.get("separate") else vocabulary(seed, source, target)
    target_vocab = vocabulary(seed + 1, target) if variant.get("separate") else vocab
    if variant.get("separate"):  # one id for what both sides need
        for special in ("<pad>",):
            number = max(len(vocab), len(target_vocab)) - 1
            vocab[special] = target_vocab[special] = number
    (directory / "source.spm").write_bytes(source)
    (directory / "target.spm").write_bytes(target)
    (directory / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False), encoding="utf-8")
    tokenizer_config = {"source_lang": "en", "target_lang": "de"}
    files = dict(source_spm=directory / "source.spm", target_spm=directory / "target.spm", vocab=directory / "vocab.json")
    if variant.get("separate"):
        (directory / "target_vocab.json").write_text(json.dumps(target_vocab, ensure_ascii=False), encoding="utf-8")
        tokenizer_config["separate_vocabs"] = True
        files |= dict(target_vocab_file=directory / "target_vocab.json", separate_vocabs=True)
    (directory / "tokenizer_config.json").write_text(json.dumps(tokenizer_config))
    tokenizer = MarianTokenizer(**{key: value if isinstance(value, bool) else str(value) for key, value in files.items()})

    size, target_size = max(vocab.values()) + 1, max(target_vocab.values()) + 1
    pad = vocab["<pad>"]
    special = dict(pad_token_id=pad, eos_token_id=0, bos_token_id=0, decoder_start_token_id=pad, forced_eos_token_id=0)
    config = MarianConfig(vocab_size=size, decoder_vocab_size=target_size, max_position_embeddings=64, **special,
                          **variant["shape"])
    for weights in range(300):
        model = MarianMTModel(config).eval()
        randomize(model, weights)
        model.tie_weights()
        if variant.get("bfloat16"):
            model = model.to(torch.bfloat16)
        model.generation_config = GenerationConfig(max_length=30, bad_words_ids=[[pad]], **special, **variant["search"])
        model.save_pretrained(directory, **({"max_shard_size": "8KB"} if variant.get("shards") else {}))
        model = MarianMTModel.from_pretrained(directory, dtype=torch.float32).eval()
        sentences = [compute(model, tokenizer, number, text) for number, text in enumerate(SENTENCES)]
        with torch.no_grad():
            telling = "early_stopping" in variant["search"] or variant["search"]["num_beams"] == 1 or any(
                model.generate(torch.tensor([s["source"]]), early_stopping=stopping)[0].tolist()[1:-1] != s["generated"]
                for stopping in (True, "never") for s in sentences)
        lengths = [len(sentence["generated"]) for sentence in sentences]
        if len({sentence["translation"] for sentence in sentences}) > 4 and max(lengths) < 24 and sum(lengths) > 40:
            if telling:
                break
    golden = {"sentences": sentences}
    print(name, weights, *(sentence["translation"] for sentence in sentences), sep="\n    ")
    (directory / "golden.json").write_text(json.dumps(golden, ensure_ascii=False) + "\n", encoding="utf-8")


def compute(model, tokenizer, number, text):
    config, ids = model.config, tokenizer(text).input_ids
    target = [2 + (7 * number + 3 * i) % (config.decoder_vocab_size - 3) for i in range(number + 1)] + [0]
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([ids]),
                       decoder_input_ids=torch.tensor([[config.pad_token_id] + target[:-1]])).logits
        output = model.generate(torch.tensor([ids]), output_scores=True, return_dict_in_generate=True)
    generated = output.sequences[0].tolist()[1:]
    generated = generated[:generated.index(0)]
    sentence = {"text": text, "source": ids, "target": target, "generated": generated,
                "translation": tokenizer.decode(output.sequences[0], skip_special_tokens=True),
                "logits": [float(f"{value:.8g}") for value in logits[0].double().flatten().tolist()]}
    if "sequences_scores" in output:
        sentence["score"] = output.sequences_scores[0].item()
    return sentence


def main():
    for seed, (name, variant) in enumerate(VARIANTS.items()):
        make(name, variant, seed, pathlib.Path(sys.argv[1]) / "marian" / name)


if __name__ == "__main__":
    main()
