"""A GAN in Lightning: manual optimization, and an optimizer for each player (`pip install lightning`)."""

import lightning
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

import paripassu as pp
from paripassu.data import Ring


def network(inputs: int, outputs: int) -> nn.Module:
    hidden = [nn.Linear(inputs, 128), nn.LeakyReLU(0.2), nn.Linear(128, 128), nn.LeakyReLU(0.2)]
    return nn.Sequential(*hidden, nn.Linear(128, outputs))


class Gan(lightning.LightningModule):
    """Points on a ring of eight Gaussians."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False  # two optimizers
        self.generator, self.discriminator = network(2, 2), network(2, 1)

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """One for each player."""
        players = (self.generator, self.discriminator)
        return [pp.NSGD(p.parameters(), lr=1e-3) for p in players]

    def training_step(self, batch: Tensor) -> None:
        """A step of each player."""
        opt_g, opt_d = self.optimizers()
        fake = self.generator(torch.randn(len(batch), 2))
        opt_d.zero_grad()
        self.manual_backward(
            (softplus(-self.discriminator(batch)) + softplus(self.discriminator(fake.detach()))).mean()
        )
        opt_d.step()

        opt_g.zero_grad()
        self.manual_backward(softplus(-self.discriminator(fake)).mean())
        opt_g.step()


def main(steps: int = 1000, batch: int = 256) -> Tensor:
    torch.manual_seed(0)
    points = Ring().load(torch.device("cpu")).draw(steps * batch, torch.Generator().manual_seed(0))
    gan = Gan()
    trainer = lightning.Trainer(
        max_epochs=1, logger=False, enable_checkpointing=False, enable_progress_bar=False, accelerator="cpu"
    )
    trainer.fit(gan, torch.utils.data.DataLoader(points, batch_size=batch))
    with torch.no_grad():
        return gan.generator(torch.randn(2500, 2))


if __name__ == "__main__":
    print(f"median radius of the samples: {main().norm(dim=1).median():.2f}; the ring's is 2")
