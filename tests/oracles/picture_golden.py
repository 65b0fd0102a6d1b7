"""Small pictures in many forms, what Pillow decodes them to, and how it resizes: tests/golden/pictures.

    python3 tests/oracles/picture_golden.py tests/golden/pictures

Made with Pillow 13.0 and torchvision 0.29."""
import json
import struct
import sys
import zlib

import numpy as np
from PIL import Image


def picture(width, height, channels, seed):
    """Smooth areas, an edge and some noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    planes = [
        (x * (5 + c) + y * (3 + 2 * c)) % 256 * 0.6
        + (x > width // 2) * 80
        + rng.integers(0, 24, (height, width))
        for c in range(channels)
    ]
    array = np.clip(np.stack(planes, -1), 0, 255).astype(np.uint8)
    return array[:, :, 0] if channels == 1 else array


def crc(array):
    return zlib.crc32(np.ascontiguousarray(array).tobytes())


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of_16_bits(path, array, color_type):
    """Pillow writes no colour of 16 bits."""
    height, width = array.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    header = struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, 0)
    with open(path, "wb") as out:
        out.write(b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header)
                  + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b""))


def interlaced(path, array):
    """Adam7, which Pillow does not write."""
    height, width = array.shape[:2]
    rows = b""
    for x0, y0, dx, dy in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4),
                           (1, 0, 2, 2), (0, 1, 1, 2)):
        part = array[y0::dy, x0::dx]
        if part.size:
            rows += b"".join(b"\0" + row.tobytes() for row in part)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 1)
    with open(path, "wb") as out:
        out.write(b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header)
                  + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b""))


def write_files(directory):
    colour = Image.fromarray(picture(37, 23, 3, 1))
    grey = Image.fromarray(picture(21, 17, 1, 2))
    alpha = Image.fromarray(picture(19, 14, 4, 3), "RGBA")
    cmyk = Image.fromarray(picture(22, 15, 4, 4), "CMYK")
    colour.save(f"{directory}/colour.jpg", quality=75)
    colour.save(f"{directory}/progressive.jpg", quality=90, progressive=True, subsampling=0)
    colour.save(f"{directory}/halved.jpg", quality=80, subsampling=1)
    grey.save(f"{directory}/grey.jpg", quality=85)
    cmyk.save(f"{directory}/cmyk.jpg", quality=90)
    colour.save(f"{directory}/colour.png")
    Image.fromarray((np.arange(900) % 251).astype(np.uint8).reshape(300, 1, 3)).save(f"{directory}/thin.png")
    grey.save(f"{directory}/grey.png")
    alpha.save(f"{directory}/alpha.png")
    alpha.convert("LA").save(f"{directory}/grey_alpha.png")
    colour.quantize(16).save(f"{directory}/palette.png", transparency=3)
    grey.convert("1").save(f"{directory}/one_bit.png")
    png_of_16_bits(f"{directory}/colour16.png", picture(13, 11, 3, 5).astype(int) * 257 - 40, 2)
    interlaced(f"{directory}/interlaced.png", picture(29, 18, 3, 6))
    colour.save(f"{directory}/animated.png", save_all=True, append_images=[colour.rotate(180)])


def augmented(source):
    """By torchvision's own function; in the order of rd_augment_operation."""
    from torchvision.transforms.autoaugment import _apply_op
    from torchvision.transforms import InterpolationMode
    names = ("Identity ShearX ShearY TranslateX TranslateY Rotate Brightness Color Contrast Sharpness Posterize "
             "Solarize AutoContrast Equalize").split()
    strengths = {"Posterize": (8, 6, 4, 1), "Solarize": (255.0, 170.0, 0.0)}
    cases = []
    for number, name in enumerate(names):
        scale = {"ShearX": 0.3, "ShearY": 0.3, "TranslateX": 16, "TranslateY": 9, "Rotate": 30}.get(name, 0.9)
        for by in strengths.get(name, (0.0, 0.27 * scale, -0.6 * scale, scale)):
            for mode in ("RGB", "L"):
                if mode == "L" and name == "Color":
                    continue
                image = _apply_op(source.convert(mode), name, by, InterpolationMode.NEAREST, None)
                cases.append({"operation": number, "by": by, "channels": len(mode), "crc": crc(np.array(image))})
    return cases


def inputs(directory):
    """What torchvision's transforms of validation give."""
    from torchvision import transforms as t
    cases = []
    for resize, size, resampling, mean, std in ((0, 16, "bilinear", (0.5,) * 3, (0.5,) * 3),
                                                (20, 16, "bicubic", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
                                                (19, 14, "bilinear", (0.5,) * 3, (0.25,) * 3)):
        mode = {"bilinear": t.InterpolationMode.BILINEAR, "bicubic": t.InterpolationMode.BICUBIC}[resampling]
        first = [t.Resize(resize, mode), t.CenterCrop(size)] if resize else [t.Resize((size, size), mode)]
        chain = t.Compose(first + [t.ToTensor(), t.Normalize(mean, std)])
        x = chain(Image.open(f"{directory}/colour.jpg").convert("RGB")).numpy()
        cases.append({"resize": resize, "size": size, "resampling": resampling, "mean": ",".join(map(str, mean)),
                      "std": ",".join(map(str, std)), "values": [float(f"{v:.9g}") for v in x.reshape(-1)[::37]]})
    return cases


def main():
    directory = sys.argv[1]
    write_files(directory)
    names = ("colour.jpg progressive.jpg halved.jpg grey.jpg cmyk.jpg colour.png grey.png alpha.png grey_alpha.png "
             "palette.png one_bit.png colour16.png interlaced.png animated.png").split()
    decoded = []
    for name in names:
        image = Image.open(f"{directory}/{name}")
        rgb, luma = image.convert("RGB"), image.convert("RGB").convert("L")
        if image.mode in ("L", "1", "LA"):
            luma = image.convert("L")
        decoded.append({"file": name, "width": image.width, "height": image.height,
                        "rgb": crc(np.array(rgb)), "grey": crc(np.array(luma))})
    resized = []
    source = Image.open(f"{directory}/colour.png")
    boxes = [(0, 0, 37, 23, 24, 24), (0, 0, 37, 23, 37, 23), (0, 0, 37, 23, 96, 80), (5, 2, 20, 19, 8, 8),
             (3, 4, 11, 9, 40, 9), (3, 4, 11, 9, 11, 31), (36, 22, 1, 1, 5, 5), (0, 0, 37, 23, 1, 1),
             # tall ones, which Pillow 13 resizes along columns first; and one that is not tall enough
             (10, 0, 14, 23, 12, 5), (10, 0, 8, 23, 20, 6), (0, 0, 20, 22, 12, 5), (0, 0, 20, 21, 12, 5)]
    for x, y, w, h, to_w, to_h in boxes:
        for name, code in (("bilinear", Image.BILINEAR), ("bicubic", Image.BICUBIC)):
            for mode in ("RGB", "L"):
                part = source.convert(mode).crop((x, y, x + w, y + h)).resize((to_w, to_h), code)
                resized.append({"box": [x, y, w, h], "size": [to_w, to_h], "resampling": name,
                                "channels": len(mode), "crc": crc(np.array(part))})
    expected = {"decoded": decoded, "resized": resized, "augmented": augmented(source), "inputs": inputs(directory)}
    with open(f"{directory}/expected.json", "w") as out:
        json.dump(expected, out, indent=1)
        out.write("\n")


main()
