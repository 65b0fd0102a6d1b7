"""Small files of torch.save with tensors of every type and layout, by the version of PyTorch that runs this.

    torch_golden.py GOLDEN_DIR

writes GOLDEN_DIR/torch/VERSION.bin, a dict of tensors as that version saves it; VERSION-old.bin, without zip, where that
is no longer the default; where omegaconf is installed also VERSION.pt, like a checkpoint of fairseq, with settings as
several versions of fairseq keep them; and values.json, the same from every version. Run with 1.4, 1.6, 1.12 and 2.9.
"""
import argparse
import collections
import json
import pathlib
import sys

import torch


def tensors():
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6) / 8 - 1
    found = collections.OrderedDict()
    for name, dtype in (("f32", torch.float32), ("f16", torch.float16), ("bf16", torch.bfloat16),
                        ("f64", torch.float64), ("i8", torch.int8), ("i16", torch.int16), ("i32", torch.int32),
                        ("i64", torch.int64), ("u8", torch.uint8), ("bool", torch.bool)):
        found[name] = (base[:2, :3] * (1 if dtype.is_floating_point else 8)).contiguous().to(dtype)
    found["base"] = base
    found["tied"] = base
    found["transposed"] = base.t()
    found["sliced"] = base[1:, 1::2]
    found["row"] = base[2]
    found["expanded"] = torch.tensor([1.5]).expand(2, 3)
    found["cube"] = base.reshape(2, 3, 4).permute(2, 0, 1)
    found["halves"] = found["f16"].t()
    found["scalar"] = torch.tensor(2.5)
    found["empty"] = torch.zeros(0, 3)
    found["parameter"] = torch.nn.Parameter(base[:, :2].contiguous())
    found["five"] = torch.zeros(1, 1, 1, 1, 1)
    return found


def values(found):
    names = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.float64: "F64",
             torch.int8: "I8", torch.int16: "I16", torch.int32: "I32", torch.int64: "I64", torch.uint8: "U8",
             torch.bool: "BOOL"}
    return {name: {"dtype": names[t.dtype], "shape": list(t.shape),
                   "values": t.detach().float().reshape(-1).tolist()} for name, t in found.items()}


def checkpoint():
    """A checkpoint's parts, except its size; settings in a Namespace, a dict and omegaconf."""
    import numpy
    from omegaconf import OmegaConf
    shared = {"arch": "transformer_iwslt_de_en", "dropout": 0.3, "layers": 6, "share_all_embeddings": True,
              "adaptive_softmax_cutoff": None, "betas": [0.9, 0.98]}
    state = collections.OrderedDict([("encoder.version", torch.tensor([3.0])),
                                     ("encoder.fc1.weight", torch.arange(6.0).reshape(2, 3))])
    return {"args": argparse.Namespace(**shared), "cfg": OmegaConf.create({"model": shared, "n": {"x": 1}}),
            "model": state, "optimizer_history": [{"criterion_name": "C", "best_loss": numpy.float64(1.25),
                                                   "num_updates": 1 << 40}],
            "extra_state": {"epoch": 3, "metrics": [(1, "loss", {"sum": torch.tensor(2.0)})]},
            "last_optimizer_state": {"exp_avg": torch.zeros(3, dtype=torch.float16)}}


def main():
    directory = pathlib.Path(sys.argv[1]) / "torch"
    directory.mkdir(exist_ok=True)
    version = ".".join(torch.__version__.split("+")[0].split(".")[:2])
    found = tensors()
    torch.save(found, str(directory / f"{version}.bin"))
    if version not in ("1.4", "1.5"):
        torch.save(found, str(directory / f"{version}-old.bin"), _use_new_zipfile_serialization=False)
    try:
        torch.save(checkpoint(), str(directory / f"{version}.pt"))
    except ImportError:
        pass
    (directory / "values.json").write_text(json.dumps(values(found)) + "\n")


main()
