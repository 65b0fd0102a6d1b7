"""A small GPT-2 of transformers: its directory, log-probabilities of lines, and what it writes.

    gpt2_golden.py GOLDEN_DIR

writes GOLDEN_DIR/gpt2/{config.json,model.safetensors,vocab.json,merges.txt,answers.json}. The vocabulary is made
here, of all bytes and some merges. The same versions give the same files.
"""
import json
import os
import sys
import unicodedata

import torch
from transformers import GPT2Config, GPT2LMHeadModel, GPT2TokenizerFast

LINES = ["the cat sat on the mat", "", "  two  spaces", "an Ærø isle", "the the the the"]
PROMPTS = ["the cat", "", "an"]
MERGES = ["t h", "th e", "Ġ the", "a n", "Ġ c", "Ġc a", "a t", "Ġ t", "o n"]
END = "<|endoftext|>"


def byte_symbols():
    plain = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    others = [b for b in range(256) if b not in plain]
    return [chr(b) for b in plain] + [chr(256 + i) for i in range(len(others))]


def write(model, tokenizer, end):
    written = []
    for prompt in PROMPTS:
        for beam in (1, 3):
            ids = torch.tensor([[end] + tokenizer(prompt)["input_ids"]])
            out = model.generate(ids, attention_mask=torch.ones_like(ids), num_beams=beam, do_sample=False,
                                 max_new_tokens=9, pad_token_id=end, early_stopping=beam > 1)
            text = tokenizer.decode(out[0][1:], skip_special_tokens=True, clean_up_tokenization_spaces=False)
            # Text to show has no control characters.
            shown = "".join("\ufffd" if unicodedata.category(c) == "Cc" and c not in "\t\n\r" else c for c in text)
            written.append({"prompt": prompt, "beam": beam, "text": shown})
    return written


def main():
    directory = os.path.join(sys.argv[1], "gpt2")
    os.makedirs(directory, exist_ok=True)
    symbols = byte_symbols() + [merge.replace(" ", "") for merge in MERGES] + [END]
    with open(f"{directory}/vocab.json", "w", encoding="utf-8") as file:
        json.dump({symbol: i for i, symbol in enumerate(symbols)}, file, ensure_ascii=False)
    with open(f"{directory}/merges.txt", "w", encoding="utf-8") as file:
        file.write("#version: 0.2\n" + "".join(merge + "\n" for merge in MERGES))
    end = len(symbols) - 1
    config = GPT2Config(vocab_size=len(symbols) + 3, n_embd=12, n_layer=2, n_head=3, n_positions=40, n_inner=20,
                        bos_token_id=end, eos_token_id=end)
    tokenizer = GPT2TokenizerFast(f"{directory}/vocab.json", f"{directory}/merges.txt")
    torch.manual_seed(1)
    model = GPT2LMHeadModel(config).eval()
    for parameter in model.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    written = write(model, tokenizer, end)
    model.save_pretrained(directory)
    lines = []
    for line in LINES:
        ids = tokenizer(line + "\n")["input_ids"]
        with torch.no_grad():
            log_probs = model.double()(torch.tensor([[end] + ids])).logits[0].log_softmax(-1)
        lines.append({"text": line, "ids": ids,
                      "log_probs": [float(f"{log_probs[i, token].item():.9g}") for i, token in enumerate(ids)]})
    with open(f"{directory}/answers.json", "w", encoding="utf-8") as file:
        json.dump({"lines": lines, "written": written}, file)
        file.write("\n")
    os.remove(f"{directory}/generation_config.json")


if __name__ == "__main__":
    main()
