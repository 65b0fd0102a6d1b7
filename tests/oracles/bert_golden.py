"""Writes tests/golden/bert: small random models of transformers, and what they give for sentences.

    bert_golden.py tests/golden/bert

bert: classes, LayerNorm.gamma and .beta; roberta: a number; xlm_roberta: classes, over pieces of SentencePiece; bert_mlm:
masked tokens. golden.json has the answers, ids and probabilities of masked tokens included.
"""
import io
import json
import pathlib
import sys

import sentencepiece
import torch
from safetensors.torch import load_file, save_file
from transformers import (BertConfig, BertForMaskedLM, BertForSequenceClassification, BertTokenizerFast, RobertaConfig,
                          RobertaForSequenceClassification, RobertaTokenizerFast, XLMRobertaConfig,
                          XLMRobertaForSequenceClassification)

ROWS = [("a cat", None), ("the dog sleeps", "a cat runs"), ("not a house, the green trees!", None), ("cats", "dogs and unknown words"),
        ("and the house is green", "is the cat not green?")]
PIECES = ("[PAD] [UNK] [CLS] [SEP] [MASK] a the cat dog house green tree run sleep not is and , ! ? ##s ##ing un ##known word"
          .split())
SHAPE = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24)


def randomize(model):
    torch.manual_seed(3)
    for name, parameter in model.named_parameters():
        torch.nn.init.normal_(parameter, mean=1.0 if "LayerNorm.weight" in name else 0.0, std=0.3)
    return model.eval()


def save(model, directory, tokenizer, old=False):
    directory.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(directory)
    tensors = load_file(directory / "model.safetensors")
    if old:
        tensors = {name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): value
                   for name, value in tensors.items()}
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
    (directory / "model.safetensors").chmod(0o644)
    tokenizer(directory)


def outputs(model, tokenizer):
    answers = []
    for first, second in ROWS:
        with torch.no_grad():
            logits = model(**tokenizer(first, second, return_tensors="pt")).logits[0]
        answers.append((logits if logits.numel() == 1 else logits.softmax(-1)).tolist())
    return answers


class XlmTokenizer:
    """XLM-R's ids: those of fairseq's dictionary, <s> <pad> </s> <unk>, then SentencePiece's pieces from its fourth on;
    two sentences are <s> A </s></s> B </s>, without segments."""
    def __init__(self):
        model = io.BytesIO()
        text = [sentence for pair in ROWS for sentence in pair if sentence] * 20
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(text), model_writer=model, vocab_size=34, pad_id=-1,
                                                 normalization_rule_name="identity", minloglevel=2)
        self.bytes = model.getvalue()
        self.pieces = sentencepiece.SentencePieceProcessor(model_proto=self.bytes)
        self.size = self.pieces.get_piece_size() + 2  # <pad>, and <mask> at the end

    def encode(self, text):
        return [3 if piece == 0 else piece + 1 for piece in self.pieces.encode(text)]

    def __call__(self, first, second, return_tensors):
        ids = [0] + self.encode(first) + [2]
        if second:
            ids += [2] + self.encode(second) + [2]
        return {"input_ids": torch.tensor([ids])}


def main():
    to = pathlib.Path(sys.argv[1])
    vocabulary = pathlib.Path(__file__).parent.parent / "golden" / "bart"

    def wordpiece(directory):
        (directory / "vocab.txt").write_text("\n".join(PIECES) + "\n")
        (directory / "tokenizer_config.json").write_text('{"do_lower_case": true}\n')

    def bytes_(directory):
        for name in ("vocab.json", "merges.txt"):
            (directory / name).write_bytes((vocabulary / name).read_bytes())

    golden = {"rows": ROWS}
    names = {"id2label": {0: "no", 1: "yes", 2: "may be"}, "label2id": {"no": 0, "yes": 1, "may be": 2}}
    model = randomize(BertForSequenceClassification(BertConfig(vocab_size=len(PIECES), max_position_embeddings=40, **names, **SHAPE)))
    save(model, to / "bert", wordpiece, old=True)
    bert = BertTokenizerFast(vocab=str(to / "bert" / "vocab.txt"))
    golden["bert"] = outputs(model, bert)

    model = randomize(BertForMaskedLM(BertConfig(vocab_size=len(PIECES), max_position_embeddings=40, **SHAPE)))
    save(model, to / "bert_mlm", wordpiece)
    ids = [2, 6, 4, 20, 15, 10, 3]
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([ids])).logits[0]
    golden["bert_mlm"] = {"ids": ids, "logits": logits.tolist()}

    roberta = RobertaTokenizerFast(vocab=str(vocabulary / "vocab.json"), merges=str(vocabulary / "merges.txt"))
    config = RobertaConfig(vocab_size=len(roberta), num_labels=1, max_position_embeddings=80, type_vocab_size=1, layer_norm_eps=1e-5,
                           pad_token_id=roberta.pad_token_id, bos_token_id=roberta.bos_token_id, eos_token_id=roberta.eos_token_id,
                           **SHAPE)
    model = randomize(RobertaForSequenceClassification(config))
    save(model, to / "roberta", bytes_)
    golden["roberta"] = outputs(model, roberta)

    xlm = XlmTokenizer()
    config = XLMRobertaConfig(vocab_size=xlm.size, max_position_embeddings=80, type_vocab_size=1, layer_norm_eps=1e-5,
                              pad_token_id=1, bos_token_id=0, eos_token_id=2, **names, **SHAPE)
    model = randomize(XLMRobertaForSequenceClassification(config))
    save(model, to / "xlm_roberta", lambda directory: (directory / "sentencepiece.bpe.model").write_bytes(xlm.bytes))
    golden["xlm_roberta"] = outputs(model, xlm)
    (to / "golden.json").write_text(json.dumps(golden, indent=1) + "\n")


main()
