"""One tracking network for both roles: two streams make the teacher, one stream the student.

Enters: template and search crops per stream. Leaves: `Prediction` (response, size, offset, box) and `Features`
(tokens, last attention, token layout) for the distillation losses.

State-dict names are the published ones: `backbone.*` in the two-stream, `backbone_s.*` in the one-stream
network, `box_head.*` in both.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from had.models.head import CentreHead
from had.models.normalize import normalize
from had.models.vit import Encoder
from had.options.experiment import RunOptions
from had.options.network import checked_architecture
from had.options.training import VOXEL_FOLD, CropOptions
from had.structures import Features, Prediction, TokenLayout


class TrackingNetwork(nn.Module):
    """Embeddings, joint transformer, centre head.

    Args:
        streams: one or two of ``rgb``, ``event_image``, ``voxel``, in token order (image before event).
        template_size, search_size: sides of the crops in pixels, multiples of ``patch``.
        patch: side of a patch in pixels.
        dim, depth, heads, mlp_ratio, drop_path: the transformer, see `had.models.vit.Encoder`.
        head_channels: channels of the head's first layer.
        shared_patch_embedding: one patch embedding for all image streams (published).
        head_event_tokens: what a two-stream network's head reads of the second stream: its ``"encoded"`` tokens, or
            the ``"embedded"`` ones that enter the transformer (published).
        voxel_embedding, unused_parameters, keep_ratio, elimination_blocks, elimination_cells: see
            `had.models.vit.Encoder`.
        rgb_normalization, event_normalization: recipes of `had.models.normalize`.

    Raises:
        ConfigError: what `had.options.network.Architecture` refuses.
    """

    def __init__(
        self,
        *,
        streams: tuple[str, ...],
        template_size: int,
        search_size: int,
        patch: int,
        dim: int,
        depth: int,
        heads: int,
        mlp_ratio: float = 4.0,
        drop_path: float = 0.0,
        head_channels: int,
        shared_patch_embedding: bool = False,
        head_event_tokens: str = "encoded",
        voxel_embedding: str = "cells",
        unused_parameters: bool = False,
        keep_ratio: float = 1.0,
        elimination_blocks: tuple[int, ...] = (3, 6, 9),
        elimination_cells: str = "point",
        rgb_normalization: str = "crop",
        event_normalization: str = "background",
    ):
        given = {name: value for name, value in locals().items() if name not in ("self", "__class__")}
        super().__init__()
        lists = {"streams": tuple(streams), "elimination_blocks": tuple(elimination_blocks)}  # in a file's header
        architecture = checked_architecture(**{**given, **lists})
        self.architecture = architecture.model_dump(mode="json")
        self.streams: tuple[str, ...] = architecture.streams
        streams = self.streams
        self.dim = dim
        self.head_event_tokens = head_event_tokens
        self.recipes = {"rgb": rgb_normalization, "event_image": event_normalization}
        self.layout = token_layout(streams, template_size // patch, search_size // patch)
        encoder = Encoder(
            streams=streams,
            grid_z=self.layout.grid_z,
            grid_x=self.layout.grid_x,
            patch=patch,
            dim=dim,
            depth=depth,
            heads=heads,
            mlp_ratio=mlp_ratio,
            drop_path=drop_path,
            shared_patch_embedding=shared_patch_embedding,
            voxel_embedding=voxel_embedding,
            unused_parameters=unused_parameters,
            keep_ratio=keep_ratio,
            elimination_blocks=elimination_blocks,
            elimination_cells=elimination_cells,
        )
        self.encoder_name = "backbone" if len(streams) == 2 else "backbone_s"
        self.add_module(self.encoder_name, encoder)
        self.box_head = CentreHead(inputs=dim * len(streams), channels=head_channels)

    @property
    def encoder(self) -> Encoder:
        """The backbone, whichever name its parameters carry."""
        return getattr(self, self.encoder_name)

    def forward(
        self, template: dict[str, Tensor], search: dict[str, Tensor], *, need_attention: bool = False
    ) -> tuple[Prediction, Features]:
        """Locate the templates' targets in the search regions.

        Args:
            template, search: stream -> (B, 3, H, W) uint8 RGB, or float that is taken as already normalised;
                ``voxel`` -> (B, L, 19) float32. Further streams are ignored.
            need_attention: also return the last block's attention map.

        Returns:
            The prediction for every search region, and the features.
        """
        tokens, attention, embedded = self.encoder(
            self.inputs(template), self.inputs(search), need_attention=need_attention
        )
        read = [tokens] * len(self.streams)
        if len(read) == 2 and self.head_event_tokens == "embedded":
            read[1] = embedded
        spans = [self.layout.spans["x", stream] for stream in self.streams]
        grids = [source[:, span].mT.unflatten(2, self.layout.grid_x) for source, span in zip(read, spans, strict=True)]
        return self.box_head(torch.cat(grids, dim=1)), Features(tokens, attention, self.layout)  # B streams*D h w

    def inputs(self, crops: dict[str, Tensor]) -> dict[str, Tensor]:
        """The crops of this network's streams in its own precision, images normalised."""
        dtype = self.encoder.pos_embed_z.dtype
        chosen = {stream: crops[stream] for stream in self.streams}
        return {
            stream: normalize(crop, self.recipes[stream], dtype) if crop.dtype == torch.uint8 else crop.to(dtype)
            for stream, crop in chosen.items()
        }


def crops_for(network: TrackingNetwork, crops: CropOptions) -> CropOptions:
    """``crops`` with the sizes that a network was built for: sides, and voxels that are folded into its grid."""
    built = network.architecture
    sizes = {name: built[name] for name in ("template_size", "search_size")}
    if built["voxel_embedding"] == "list" and "voxel" in network.streams:
        for part, (side, _) in (("template", network.layout.grid_z), ("search", network.layout.grid_x)):
            sizes[f"{part}_voxels"] = (VOXEL_FOLD * side) ** 2
    return crops.model_copy(update=sizes)


def token_layout(streams: tuple[str, ...], side_z: int, side_x: int) -> TokenLayout:
    """Spans of the published token order: the template of every stream, then the search region of every stream."""
    spans, start = {}, 0
    for role, side in (("z", side_z), ("x", side_x)):
        for stream in streams:
            spans[role, stream] = slice(start, start + side * side)
            start += side * side
    return TokenLayout(spans, (side_z, side_z), (side_x, side_x))


def build_network(options: RunOptions, streams: tuple[str, ...], *, seed: int | None = None) -> TrackingNetwork:
    """The network of a run, freshly initialised.

    Args:
        options: the run's resolved configuration.
        streams: what it reads.
        seed: of the initial weights; None draws from torch's global state.

    Raises:
        ConfigError: what `RunOptions.check` or `TrackingNetwork` refuses.
    """
    options.check(streams)
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        return TrackingNetwork(
            streams=streams,
            template_size=options.crops.template_size,
            search_size=options.crops.search_size,
            **options.network.model_dump(),
        )
