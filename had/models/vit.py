"""Vision transformer: image patches -> tokens -> joint attention of template and search tokens.

Enters: normalised images (B, 3, H, W) or voxel lists (B, L, 19) per stream and role.
Leaves: tokens (B, N, D) after the final norm, in the published order (z of every stream, then x of every
stream), and the last block's attention map where it is asked for.

Pre-norm ViT (Dosovitskiy et al., ICLR 2021) over one sequence of template and search tokens (OSTrack, Ye et
al., ECCV 2022). Parameters carry the names of timm and MAE, so that their weights fit.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from had.models.elimination import eliminate, restore, template_cells
from had.models.voxels import ListVoxelEmbedding, VoxelEmbedding


class PatchEmbedding(nn.Module):
    """Square patches -> tokens by one linear map: (B, 3, H, W) -> (B, h w, D), row-major."""

    def __init__(self, *, patch: int, dim: int):
        super().__init__()
        self.proj = nn.Conv2d(3, dim, kernel_size=patch, stride=patch)
        nn.init.xavier_uniform_(self.proj.weight.view(dim, -1))
        nn.init.zeros_(self.get_parameter("proj.bias"))

    def forward(self, image: Tensor) -> Tensor:
        return self.proj(image).flatten(2).mT  # B D h w -> B N D


class Attention(nn.Module):
    """Multi-head self-attention; fused, except where the map itself is asked for."""

    def __init__(self, *, dim: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, tokens: Tensor, *, need_attention: bool = False) -> tuple[Tensor, Tensor | None]:
        B, N, D = tokens.shape
        qkv = self.qkv(tokens).view(B, N, 3, self.heads, D // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)  # B N 3 heads d -> 3 B heads N d
        attention = None
        if need_attention:
            attention = (query * (D // self.heads) ** -0.5 @ key.mT).softmax(dim=-1)  # B heads N N
            mixed = attention @ value
        else:
            mixed = F.scaled_dot_product_attention(query, key, value)
        return self.proj(mixed.transpose(1, 2).reshape(B, N, D)), attention


class Mlp(nn.Module):
    """Two linear maps with a GELU between them."""

    def __init__(self, *, dim: int, hidden: int):
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(tokens)))


class DropPath(nn.Module):
    """Leaves a residual branch out for a random share of the samples (Huang et al., ECCV 2016)."""

    def __init__(self, rate: float):
        super().__init__()
        self.rate = rate

    def forward(self, branch: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return branch
        kept = torch.empty(branch.shape[0], 1, 1, dtype=branch.dtype, device=branch.device).bernoulli_(1 - self.rate)
        return branch * kept / (1 - self.rate)


class Block(nn.Module):
    """Pre-norm attention and MLP, each on a residual branch."""

    def __init__(self, *, dim: int, heads: int, mlp_ratio: float, drop_path: float):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim=dim, heads=heads)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = Mlp(dim=dim, hidden=int(dim * mlp_ratio))
        self.drop_path = DropPath(drop_path)

    def forward(self, tokens: Tensor, *, need_attention: bool = False) -> tuple[Tensor, Tensor | None]:
        mixed, attention = self.attn(self.norm1(tokens), need_attention=need_attention)
        tokens = tokens + self.drop_path(mixed)
        return tokens + self.drop_path(self.mlp(self.norm2(tokens))), attention


class Encoder(nn.Module):
    """Embeddings of one or two streams, transformer blocks, final norm.

    The positional embeddings belong to the roles (`pos_embed_z`, `pos_embed_x`), as published, and are shared
    by the streams, so that the same place carries the same code in both. Each stream has an embedding of its
    own, whose bias says which stream a token is from; ``shared_patch_embedding`` gives all image streams the
    first one's, as published.

    Args:
        streams: input streams in token order.
        grid_z, grid_x: (h, w) of the template's and the search region's tokens.
        patch: side of a patch in pixels.
        dim: token width D.
        depth: blocks.
        heads: attention heads.
        mlp_ratio: hidden width of the MLP over D.
        drop_path: stochastic depth of the last block; grows linearly from 0.
        shared_patch_embedding: one patch embedding for all image streams.
        voxel_embedding: ``"cells"`` or ``"list"``, see `had.models.voxels`.
        unused_parameters: also hold what the published files have and no forward pass reads: a class token, the
            positions of ImageNet's 14 x 14 patches, and the voxels' embedding in a network without voxels.
        keep_ratio: share of the search tokens that each elimination keeps; 1 drops none.
        elimination_blocks: blocks, counted from 0, after which tokens are eliminated.
        elimination_cells: template cells that decide, see `had.models.elimination`.

    Attributes:
        keep_ratio: may be changed while the network trains.
    """

    def __init__(
        self,
        *,
        streams: tuple[str, ...],
        grid_z: tuple[int, int],
        grid_x: tuple[int, int],
        patch: int,
        dim: int,
        depth: int,
        heads: int,
        mlp_ratio: float,
        drop_path: float,
        shared_patch_embedding: bool,
        voxel_embedding: str,
        unused_parameters: bool,
        keep_ratio: float = 1.0,
        elimination_blocks: tuple[int, ...] = (),
        elimination_cells: str = "point",
    ):
        super().__init__()
        self.streams = streams
        self.grids = {"z": grid_z, "x": grid_x}
        self.pos_embed_z = nn.Parameter(sine_positions(grid_z, grid_x, dim))
        self.pos_embed_x = nn.Parameter(sine_positions(grid_x, grid_x, dim))
        self.keep_ratio, self.elimination_blocks = keep_ratio, tuple(elimination_blocks)
        self.elimination_cells = elimination_cells
        self.embedding_names = {}
        for stream in streams:
            if stream == "voxel" and voxel_embedding == "list":
                name = "pos_embed_event"
                self.add_module(name, ListVoxelEmbedding(dim=dim))
            elif stream == "voxel":
                name = "voxel_embed"
                self.add_module(name, VoxelEmbedding(dim=dim))
            elif not hasattr(self, "patch_embed"):
                name = "patch_embed"
                self.add_module(name, PatchEmbedding(patch=patch, dim=dim))
            elif shared_patch_embedding:
                name = "patch_embed"
            else:
                name = "patch_embed_event"
                self.add_module(name, PatchEmbedding(patch=patch, dim=dim))
            self.embedding_names[stream] = name
        if unused_parameters:
            self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
            self.pos_embed = nn.Parameter(torch.zeros(1, 1 + 14 * 14, dim))
            if "pos_embed_event" not in self.embedding_names.values():
                self.pos_embed_event = ListVoxelEmbedding(dim=dim)
        self.blocks = nn.ModuleList(
            Block(dim=dim, heads=heads, mlp_ratio=mlp_ratio, drop_path=drop_path * i / max(depth - 1, 1))
            for i in range(depth)
        )
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        for module in self.blocks.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    def embed(self, inputs: dict[str, Tensor], role: str) -> list[Tensor]:
        """Tokens of one role, one (B, h w, D) a stream, with their positions."""
        positions = self.pos_embed_z if role == "z" else self.pos_embed_x
        tokens = []
        for stream in self.streams:
            embedding = self.get_submodule(self.embedding_names[stream])
            if stream == "voxel":
                tokens.append(embedding(inputs[stream], self.grids[role]) + positions)
            else:
                tokens.append(embedding(inputs[stream]) + positions)
        return tokens

    def forward(
        self, template: dict[str, Tensor], search: dict[str, Tensor], *, need_attention: bool = False
    ) -> tuple[Tensor, Tensor | None, Tensor]:
        """Tokens (B, N, D), the last block's attention (B, heads, N, N) or None where not asked for, and the tokens
        before the first block."""
        if need_attention and self.keep_ratio < 1:
            raise ValueError("the attention among all tokens, but some of them are eliminated (keep_ratio below 1)")
        embedded = torch.cat(self.embed(template, "z") + self.embed(search, "x"), dim=1)
        tokens, attention = embedded, None
        streams, whole = len(self.streams), math.prod(self.grids["x"])
        cells = template_cells(self.elimination_cells, self.grids["z"])
        places = torch.arange(whole, device=tokens.device).expand(len(tokens), -1)
        last = len(self.blocks) - 1
        for i, block in enumerate(self.blocks):
            dropping = self.keep_ratio < 1 and i in self.elimination_blocks
            tokens, attention = block(tokens, need_attention=dropping or (need_attention and i == last))
            if dropping:
                ratio = self.keep_ratio
                tokens, places = eliminate(tokens, attention, places, cells=cells, streams=streams, ratio=ratio)
                attention = None
        tokens = self.norm(tokens)
        if places.shape[1] < whole:
            tokens = restore(tokens, places, template=streams * len(cells), streams=streams, search=whole)
        return tokens, attention, embedded


def sine_positions(grid: tuple[int, int], finest: tuple[int, int], dim: int) -> Tensor:
    """Start of a positional embedding: sines and cosines of a cell's centre, (1, h w, D), row-major.

    Places are measured in patches from the grid's middle, so that the template's and the search region's
    middles start with the same code. ``finest`` sets the longest wave (four grids).
    """
    h, w = grid
    quarter = -(-dim // 4)
    longest = 4.0 * max(finest)
    waves = 2 * math.pi / (2.0 * (longest / 2.0) ** torch.linspace(0, 1, quarter))
    y = torch.arange(h) - (h - 1) / 2
    x = torch.arange(w) - (w - 1) / 2
    rows = (y[:, None] * waves).repeat_interleave(w, dim=0)  # h w, quarter
    columns = (x[:, None] * waves).repeat(h, 1)
    codes = torch.cat([columns.sin(), columns.cos(), rows.sin(), rows.cos()], dim=1)
    return 0.1 * codes[None, :, :dim].clone()
