"""Images whose pixels say their class, and digits that are large enough for SNGAN."""

from dataclasses import dataclass, replace

import torch

from paripassu.data import Digits, ImageSet, Source, labels_of


@dataclass(frozen=True)
class Large(Source):
    """The first digits of 8 px at 32 px."""

    count: int = 64

    def load(self, device):
        return replace(self.labelled(device), labels=None)

    def labelled(self, device, column=None):
        digits = Digits().labelled(device)
        pixels = digits.pixels[: self.count].repeat_interleave(4, 2).repeat_interleave(4, 3)
        labels = labels_of(digits.labels.numbers[: self.count].numpy(), "digits")
        return replace(ImageSet.on(device, pixels), labels=labels)


def levels(classes: int = 3, each: int = 4) -> ImageSet:
    """Every pixel of an image is the number of its class, of which some have more images than others."""
    numbers = torch.arange(classes).repeat_interleave(each)[: classes * each - 1]
    pixels = numbers.to(torch.uint8)[:, None, None, None].expand(-1, 1, 8, 8).contiguous()
    return replace(ImageSet.on(torch.device("cpu"), pixels), labels=labels_of(numbers.numpy(), "levels"))
