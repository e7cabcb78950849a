"""The U-Net of latent diffusion, with the table of classes that its transformers look at.

Rombach et al., arXiv 2112.10752.
"""

from typing import Any

import jax
from flax import linen as nn

from dgan_jax.nets.adm_unet import ADMUNet


class LatentUNet(nn.Module):
    """(x [B, h, w, c], t [B], label [B] integer or None) -> [B, h, w, c].

    With `classes` a label is a vector of `width` numbers, the only one of the context; without, there is none.
    """

    unet: ADMUNet
    classes: int = 0
    width: int = 512

    @property
    def dropout(self) -> float:
        return self.unet.dropout

    def clone(self, *, deterministic: bool | None = None, **updates: Any) -> "LatentUNet":  # type: ignore[override]
        """Another one; with `deterministic=False` one whose U-Net drops out."""
        if deterministic is not None:
            updates["unet"] = self.unet.clone(deterministic=deterministic)
        return super().clone(**updates)

    @nn.compact
    def __call__(self, x: jax.Array, t: jax.Array, label: jax.Array | None = None) -> jax.Array:
        if not self.classes:
            return self.unet(x, t, label)
        if label is None:
            raise ValueError(f"this network was made for {self.classes} classes and needs labels")
        table = nn.Embed(self.classes, self.width, embedding_init=nn.initializers.normal(1.0), name="label")
        return self.unet(x, t, None, table(label)[:, None, :])
