"""Lines to score: real translations and what random damage makes of them.

    metric_cases.py WMT17_DIR OUT.gz [N] [SEED]

writes N lines "hypothesis TAB reference [TAB reference ...]" (one to three references), with U+2424
for a newline inside a text, which JSONL may hold and ROUGE splits sentences at. The same arguments
give the same file.
"""
import gzip
import io
import random
import sys

NEWLINE = "\u2424"
SNIPPETS = [
    "他在北京工作了三年。", "我们明天（星期五）去上海,好吗？", "価格は１２，３４５円です。", "東京タワーへ行きたい!", "ひらがな",
    "カタカナ・テスト", "한국어 문장입니다.", "السلام عليكم، كيف حالك؟", "مرحبا بالعالم ٣٫١٤", "שלום עולם!",
    "नमस्ते दुनिया।", "สวัสดีชาวโลก", "Привет, мир!", "ΟΔΥΣΣΕΥΣ ΚΑΙ ΣΟΦΟΣ.", "İstanbul'da ISPARTA", "Straße GROẞ",
    "e\u0301te\u0301 a\u0308 o\u0302", "Z\u0351\u036ba\u0323lgo", "👍🏽 👨\u200d👩\u200d👧 🇩🇪", "😀😃!", "☃ ✓ ❤️ ♫",
    "100% $5.00 €3,50 £7 ¥9", "3.14 1,000.5 10-20 2010-2014", "&quot;a&amp;lt;b&gt;&lt;", "<skipped> x<y>z", "it's John's 's",
    "...,,,--- .5 5. a.b", "\u00a0\u2003\u3000 x\u2028y", "x\u0085y\u001cz", "ﬁne ǅ Å \u212a \u00b2 ½ Ⅷ", "㌀㏿ 豈 ︰ ㈀ ⺀ ㇀",
    "“Zitat” „deutsch“ «fr» ‚x‘ – — …", "http://a.b/c?d=e&f=g", "@user #tag a_b a-b", "\\ | ~ ^ ` { } [ ]", "0", ".", "-",
]


def mutate(rng, line, others):
    words = line.split(" ")
    for _ in range(rng.choice([0, 1, 1, 2, 3, 6])):
        kind = rng.randrange(16)
        i, j = sorted((rng.randrange(len(words) + 1), rng.randrange(len(words) + 1)))
        if kind == 0:
            del words[i:min(j, i + 4)]
        elif kind == 1:
            part = words[i:j]
            rng.shuffle(part)
            words[i:j] = part
        elif kind == 2:  # move a block
            block = words[i:j]
            del words[i:j]
            at = rng.randrange(len(words) + 1)
            words[at:at] = block
        elif kind == 3:
            words[i:i] = words[i:j]
        elif kind == 4:
            words[i:j] = [w.upper() for w in words[i:j]]
        elif kind == 5:
            words[i:j] = [w.swapcase() for w in words[i:j]]
        elif kind == 6:
            words.insert(i, rng.choice(SNIPPETS))
        elif kind == 7 and words:
            k = rng.randrange(len(words))
            words[k] += rng.choice(SNIPPETS)
        elif kind == 8 and words:
            k = rng.randrange(len(words))
            at = rng.randrange(len(words[k]) + 1)
            words[k] = words[k][:at] + rng.choice(".,;:!?'\"()[]{}-/&%$#@*+=<>_~^`|\\0123456789") + words[k][at:]
        elif kind == 9:
            words.insert(i, rng.choice(["", " ", "1.5", "7", "12,000", "-5", "\u0301", "’s", "—"]))
        elif kind == 10:
            other = rng.choice(others).split(" ")
            words[i:j] = other[: rng.randrange(len(other) + 1)]
        elif kind == 11:
            words = list("".join(words[i:j]))[:60] or words
        elif kind == 12:
            words = [rng.choice(SNIPPETS)]
        elif kind == 13 and rng.random() < 0.3:
            words = []
        elif kind == 14 and rng.random() < 0.2:
            words = words * rng.randrange(2, 5)
        elif kind == 15 and words:
            words[rng.randrange(len(words))] += rng.choice(["\n", "\n", "-\n", "\n-"])
        if not words:
            break
    return " ".join(words)


def cases(directory, n, seed):
    rng = random.Random(seed)
    names = ["ref.de", "KIT.4950.de", "PROMT-Rule-based.4735.de", "online-B.0.de", "uedin-nmt.4722.de"]
    texts = [gzip.open(f"{directory}/{name}.gz", "rt", encoding="utf-8", newline="\n").read().split("\n")[:-1] for name in names]
    for _ in range(n):
        k = rng.randrange(len(texts[0]))
        row = [mutate(rng, texts[rng.randrange(5)][k], texts[0]), texts[0][k]]
        if rng.random() < 0.3:
            row[1] = mutate(rng, row[1], texts[1])
        while len(row) < 4 and rng.random() < 0.25:
            row.append(mutate(rng, texts[rng.randrange(5)][k], texts[1]))
        yield [text.replace("\t", " ").replace("\n", NEWLINE) for text in row]


def main():
    n = int(sys.argv[3]) if len(sys.argv) > 3 else 10000
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    lines = "".join("\t".join(row) + "\n" for row in cases(sys.argv[1], n, seed))
    with open(sys.argv[2], "wb") as raw, gzip.GzipFile("", "wb", 9, raw, 0) as out:
        io.BufferedWriter(out).write(lines.encode("utf-8"))


if __name__ == "__main__":
    main()
