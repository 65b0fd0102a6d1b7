"""Whether transformers loads an exported vision transformer completely, with the logits of the one it was imported from.

    check_vit.py ORIGINAL EXPORTED
"""
import sys

import torch
import transformers

models = []
for directory in sys.argv[1:3]:
    model, info = transformers.AutoModelForImageClassification.from_pretrained(directory, output_loading_info=True,
                                                                                dtype=torch.float32)
    if any(info[k] for k in ("missing_keys", "unexpected_keys", "mismatched_keys")):
        sys.exit(f"{directory}: {info}")
    models.append(model.eval())
size = models[0].config.image_size
torch.manual_seed(1)
pixels = torch.randn(4, models[0].config.num_channels, size, size)
with torch.no_grad():
    a, b = (model(pixel_values=pixels).logits for model in models)
print("largest difference of logits:", (a - b).abs().max().item())
if not torch.allclose(a, b, atol=1e-5):
    sys.exit("they differ")
transformers.AutoImageProcessor.from_pretrained(sys.argv[2])
