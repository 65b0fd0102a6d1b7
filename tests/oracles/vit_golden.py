"""Small vision transformers as Hugging Face, timm and Google keep them, and their logits by transformers.

    vit_golden.py GOLDEN_DIR

makes GOLDEN_DIR/vit/{hf,deit,timm,google.npz,expected.json}. Weights are rounded to half precision before the logits are
computed. timm's and Google's files are Hugging Face's weights under their names (timm 1.0's models/vision_transformer.py,
google-research/vision_transformer's models_vit.py). Pictures are those of GOLDEN_DIR/pictures, prepared by Hugging Face's
own processors with Pillow (the default ones of transformers 5 resize a little otherwise), and for timm by torchvision. Made with transformers 5.24.
"""
import json
import os
import sys
import tempfile

import numpy as np
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file, save_file
from torchvision import transforms
from transformers.models.deit.image_processing_pil_deit import DeiTImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

PICTURES = ("colour.jpg", "grey.jpg")


def randomised(model):
    generator = torch.Generator().manual_seed(7)
    for name, p in model.named_parameters():
        scale = 0.3 if p.dim() == 1 or "token" in name or "position" in name else p.shape[-1] ** -0.5
        norm = "layernorm" in name and name.endswith("weight")
        p.data = (torch.randn(p.shape, generator=generator) * scale + (1 if norm else 0)).half().float()
    return model.eval()


def logits(model, pixels):
    with torch.no_grad():
        return [float(f"{v:.8g}") for v in model(pixel_values=pixels).logits[0].double().tolist()]


def state_of(model):
    """Under the names that files have; those in memory differ since transformers 5."""
    with tempfile.TemporaryDirectory() as directory:
        model.save_pretrained(directory)
        return load_file(f"{directory}/model.safetensors")


def save(model, processor, directory):
    os.makedirs(directory, exist_ok=True)
    save_file({k: v.half() for k, v in state_of(model).items()}, f"{directory}/model.safetensors",
              metadata={"format": "pt"})
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(directory)
    if processor:
        processor.save_pretrained(directory)


def timm_names(state):
    out = {"cls_token": state["vit.embeddings.cls_token"], "pos_embed": state["vit.embeddings.position_embeddings"]}
    for end in ("weight", "bias"):
        out[f"patch_embed.proj.{end}"] = state[f"vit.embeddings.patch_embeddings.projection.{end}"]
        out[f"norm.{end}"] = state[f"vit.layernorm.{end}"]
        out[f"head.{end}"] = state[f"classifier.{end}"]
    layer = 0
    while f"vit.encoder.layer.{layer}.layernorm_before.weight" in state:
        theirs, ours = f"vit.encoder.layer.{layer}", f"blocks.{layer}"
        for end in ("weight", "bias"):
            qkv = [state[f"{theirs}.attention.attention.{part}.{end}"] for part in ("query", "key", "value")]
            out[f"{ours}.attn.qkv.{end}"] = torch.cat(qkv)
            for a, b in (("norm1", "layernorm_before"), ("attn.proj", "attention.output.dense"),
                         ("norm2", "layernorm_after"), ("mlp.fc1", "intermediate.dense"), ("mlp.fc2", "output.dense")):
                out[f"{ours}.{a}.{end}"] = state[f"{theirs}.{b}.{end}"]
        layer += 1
    return {k: v.half().contiguous() for k, v in out.items()}


def google_names(state, heads, prefix=""):
    def kernel(name):
        return state[f"{name}.weight"].T.numpy()

    out = {"cls": state["vit.embeddings.cls_token"].numpy(),
           "Transformer/posembed_input/pos_embedding": state["vit.embeddings.position_embeddings"].numpy(),
           "embedding/kernel": state["vit.embeddings.patch_embeddings.projection.weight"].permute(2, 3, 1, 0).numpy(),
           "embedding/bias": state["vit.embeddings.patch_embeddings.projection.bias"].numpy(),
           "Transformer/encoder_norm/scale": state["vit.layernorm.weight"].numpy(),
           "Transformer/encoder_norm/bias": state["vit.layernorm.bias"].numpy(),
           "head/kernel": kernel("classifier"), "head/bias": state["classifier.bias"].numpy()}
    layer = 0
    while f"vit.encoder.layer.{layer}.layernorm_before.weight" in state:
        theirs, ours = f"vit.encoder.layer.{layer}", f"Transformer/encoderblock_{layer}"
        width = len(state[f"{theirs}.layernorm_before.weight"])
        for a, b in (("LayerNorm_0", "layernorm_before"), ("LayerNorm_2", "layernorm_after")):
            out[f"{ours}/{a}/scale"] = state[f"{theirs}.{b}.weight"].numpy()
            out[f"{ours}/{a}/bias"] = state[f"{theirs}.{b}.bias"].numpy()
        attention = f"{ours}/MultiHeadDotProductAttention_1"
        for part in ("query", "key", "value"):
            name = f"{theirs}.attention.attention.{part}"
            out[f"{attention}/{part}/kernel"] = kernel(name).reshape(width, heads, -1)
            out[f"{attention}/{part}/bias"] = state[f"{name}.bias"].numpy().reshape(heads, -1)
        out[f"{attention}/out/kernel"] = kernel(f"{theirs}.attention.output.dense").reshape(heads, -1, width)
        out[f"{attention}/out/bias"] = state[f"{theirs}.attention.output.dense.bias"].numpy()
        for a, b in (("Dense_0", "intermediate.dense"), ("Dense_1", "output.dense")):
            out[f"{ours}/MlpBlock_3/{a}/kernel"] = kernel(f"{theirs}.{b}")
            out[f"{ours}/MlpBlock_3/{a}/bias"] = state[f"{theirs}.{b}.bias"].numpy()
        layer += 1
    return {prefix + k: np.ascontiguousarray(v) for k, v in out.items()}


def main():
    golden = sys.argv[1]
    to = f"{golden}/vit"
    images = [Image.open(f"{golden}/pictures/{name}").convert("RGB") for name in PICTURES]
    labels = {0: "cat", 1: "dog", 2: "a bird, or two", 3: "cat"}
    shape = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24, image_size=16,
                 patch_size=4, id2label=labels)
    expected = {}
    processor = transformers.ViTImageProcessor(size={"height": 16, "width": 16})
    model = randomised(transformers.ViTForImageClassification(transformers.ViTConfig(**shape)))
    save(model, processor, f"{to}/hf")
    processor = ViTImageProcessorPil(**{k: v for k, v in processor.to_dict().items() if k != "image_processor_type"})
    expected["hf"] = [logits(model, processor(image, return_tensors="pt")["pixel_values"]) for image in images]

    processor = transformers.DeiTImageProcessor(size={"height": 20, "width": 20}, crop_size={"height": 16, "width": 16},
                                                image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225])
    model = randomised(transformers.DeiTForImageClassification(transformers.DeiTConfig(**shape, layer_norm_eps=1e-6)))
    save(model, processor, f"{to}/deit")
    processor = DeiTImageProcessorPil(**{k: v for k, v in processor.to_dict().items() if k != "image_processor_type"})
    expected["deit"] = [logits(model, processor(image, return_tensors="pt")["pixel_values"]) for image in images]

    shape["layer_norm_eps"] = 1e-6
    model = randomised(transformers.ViTForImageClassification(transformers.ViTConfig(**shape)))
    np.savez(f"{to}/google.npz", **google_names(state_of(model), 2, "opt/target/"))
    chain = transforms.Compose([transforms.Resize((16, 16)), transforms.ToTensor(), transforms.Normalize([0.5] * 3, [0.5] * 3)])
    expected["google.npz"] = [logits(model, chain(image).unsqueeze(0)) for image in images]

    shape |= dict(hidden_size=64, num_hidden_layers=1, num_attention_heads=1, intermediate_size=32)
    model = randomised(transformers.ViTForImageClassification(transformers.ViTConfig(**shape)))
    os.makedirs(f"{to}/timm", exist_ok=True)
    save_file(timm_names(state_of(model)), f"{to}/timm/model.safetensors", metadata={"format": "pt"})
    with open(f"{to}/timm/config.json", "w", encoding="utf-8") as file:
        json.dump({"architecture": "vit_tiny_patch4_16", "num_classes": 4, "pretrained_cfg": {
            "input_size": [3, 16, 16], "interpolation": "bicubic", "crop_pct": 0.9, "mean": [0.5, 0.4, 0.3],
            "std": [0.5, 0.5, 0.5]}}, file, indent=1)
    chain = transforms.Compose([transforms.Resize(17, transforms.InterpolationMode.BICUBIC), transforms.CenterCrop(16),
                                transforms.ToTensor(), transforms.Normalize([0.5, 0.4, 0.3], [0.5] * 3)])
    expected["timm"] = [logits(model, chain(image).unsqueeze(0)) for image in images]
    with open(f"{to}/expected.json", "w", encoding="utf-8") as file:
        json.dump({"pictures": PICTURES, "logits": expected}, file, indent=1)
        file.write("\n")


main()
