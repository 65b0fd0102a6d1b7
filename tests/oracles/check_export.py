"""Whether transformers and CTranslate2 compute the same with an exported model as rdrop-translate.

    check_export.py BIN_DIR MODEL_DIR SENTENCES

exports MODEL_DIR with BIN_DIR/rdrop-convert, translates SENTENCES, and prints the largest difference of log
P(translation | sentence) from each of them.
"""
import pathlib
import subprocess
import sys
import tempfile

import torch
from transformers import MarianMTModel, MarianTokenizer


def run(program, *arguments, text=None):
    return subprocess.run([program, *arguments], input=text, text=True, stdout=subprocess.PIPE, check=True).stdout


def by_transformers(exported, lines, translations):
    tokenizer = MarianTokenizer.from_pretrained(exported)
    model = MarianMTModel.from_pretrained(exported).eval()
    start = torch.tensor([[model.config.decoder_start_token_id]])
    for line, translation in zip(lines, translations):
        source = tokenizer(line, return_tensors="pt").input_ids
        target = tokenizer(text_target=translation, return_tensors="pt").input_ids
        with torch.no_grad():
            logits = model(input_ids=source, decoder_input_ids=torch.cat([start, target[:, :-1]], 1)).logits
        yield logits.log_softmax(-1).gather(2, target.unsqueeze(2)).sum().item()


def by_ctranslate2(exported, lines, translations, directory):
    import ctranslate2

    tokenizer = MarianTokenizer.from_pretrained(exported)
    ctranslate2.converters.TransformersConverter(exported).convert(directory)
    translator = ctranslate2.Translator(directory, device="cpu", compute_type="float32")
    sources = [tokenizer.convert_ids_to_tokens(tokenizer(line).input_ids) for line in lines]
    targets = [tokenizer.convert_ids_to_tokens(tokenizer(text_target=line).input_ids)[:-1] for line in translations]
    for result in translator.score_batch(sources, targets):
        yield sum(result.log_probs)


def main():
    bin_directory, model, sentences = map(pathlib.Path, sys.argv[1:])
    text = sentences.read_text(encoding="utf-8")
    lines = text.splitlines()
    with tempfile.TemporaryDirectory() as directory:
        exported = f"{directory}/exported"
        run(bin_directory / "rdrop-convert", "--export", model, "--output", exported)
        output = run(bin_directory / "rdrop-translate", "--model", model, text=text)
        pathlib.Path(f"{directory}/output").write_text(output, encoding="utf-8")
        scores = run(bin_directory / "rdrop-translate", "--model", model, "--score", f"{directory}/output", text=text)
        wanted = [float(score) for score in scores.split()]
        translations = output.split("\n")[:len(lines)]
        found = {"transformers": by_transformers(exported, lines, translations),
                 "CTranslate2": by_ctranslate2(exported, lines, translations, f"{directory}/ctranslate2")}
        for name, log_probs in found.items():
            print(name, max(abs(got - want) for got, want in zip(log_probs, wanted)))


if __name__ == "__main__":
    main()
