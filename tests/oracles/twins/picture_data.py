"""A recipe's pictures from its own files (idx, or JPEG and PNG in a tar archive), with random numbers of PyTorch's own: for
whole trainings, to compare accuracies."""
import gzip
import io
import tarfile

import numpy as np
import torch
from PIL import Image


def from_idx(path, classes):
    with gzip.open(path) as file:
        pictures = np.frombuffer(file.read(), np.uint8, offset=16)
    with gzip.open(path.replace("images-idx3", "labels-idx1")) as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    side = int((len(pictures) / len(labels)) ** 0.5)
    return pictures.reshape(len(labels), 1, side, side), labels.astype(np.int64)


def from_archive(path, folder, classes):
    pictures, labels = [], []
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isfile() and member.name.removeprefix("./").startswith(f"{folder}/"):
                pictures.append(np.asarray(Image.open(io.BytesIO(archive.extractfile(member).read())).convert("RGB")))
                labels.append(classes.index(member.name.split("/")[-2]))
    return np.stack(pictures).transpose(0, 3, 1, 2), np.array(labels)


class Pictures:
    def __init__(self, recipe, directory, twin, split):
        path, _, folder = recipe["validpref" if split == "valid" else "trainpref"].partition(":")
        with open(f"{twin}/model/labels.txt", encoding="utf-8") as file:
            classes = [line.rstrip("\n").split("\t")[0] for line in file]
        path = f"{directory}/{path}"
        pictures, labels = from_archive(path, folder, classes) if folder else from_idx(path, classes)
        self.pictures, self.labels = torch.from_numpy(np.array(pictures, order="C")), torch.from_numpy(labels)
        self.recipe = recipe
        mean, std = (torch.tensor([float(x) for x in str(recipe[f"picture-{key}"]).split(",")])[None, :, None, None]
                     for key in ("mean", "std"))
        self.scale, self.shift = 1 / (255 * std), -mean / std

    def batch(self, ids, augment):
        x = self.pictures[ids]
        if augment:
            x = augmented(x, self.recipe["crop-padding"], self.recipe["horizontal-flip"])
        return {"pictures": x.float() * self.scale + self.shift, "labels": self.labels[ids]}

    def updates(self):
        """A list of one batch each, shuffled anew in every epoch; the last one may be smaller."""
        done = 0
        while True:
            for ids in torch.randperm(len(self.labels)).split(self.recipe["max-sentences"]):
                if done == self.recipe["max-update"]:
                    return
                done += 1
                yield [self.batch(ids, True)]

    @torch.no_grad()
    def accuracy(self, model):
        model.eval()
        right = 0
        for ids in torch.arange(len(self.labels)).split(500):
            batch = self.batch(ids, False)
            right += int((model.classes(batch["pictures"], 1).argmax(-1) == batch["labels"]).sum())
        model.train()
        return right / len(self.labels)


def augmented(x, padding, flip):
    """A square of random place in each picture with zeros around; some of them flipped."""
    n, channels, size, _ = x.shape
    x = torch.nn.functional.pad(x, (padding,) * 4)
    rows, columns = (torch.randint(0, 2 * padding + 1, (n, 1)) + torch.arange(size) for _ in range(2))
    columns = torch.where(torch.rand(n, 1) < flip, columns.flip(1), columns)
    return x[torch.arange(n)[:, None, None, None], torch.arange(channels)[None, :, None, None], rows[:, None, :, None],
             columns[:, None, None, :]]
