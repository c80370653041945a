"""The original models, training steps and decoding loop in plain PyTorch, to measure signjax against.

Written for the benchmark from a description of the original sizes, not from its code. The original project is
a transformer VQ-VAE over frames and a GPT over its tokens that attends to a frozen BERT; it decodes clip by
clip and runs the whole network, BERT included, on the growing prefix for every token. Weights are random:
speed does not depend on them. All of it is float32, as there.
"""

import math

import torch
from torch import nn
from torch.nn import functional

POSE, STRIDE, CODES = 150, 4, 512
SOS, EOS = CODES, CODES + 1  # ids beside the codes
TOP_K = 20
GPT = {"width": 768, "depth": 8, "heads": 12, "mlp": 3072}
BERT = {"vocabulary": 30522, "positions": 512, "width": 768, "depth": 12, "heads": 12, "mlp": 3072}
BONES = (  # joint and parent within the body of 8 and a hand of 21, by their place in 50 joints
    [(0, 1), (2, 1), (3, 2), (4, 3), (5, 1), (6, 5), (7, 6)]
    + [(hand + 4 * f + k, hand + (4 * f + k - 1 if k > 1 else 0)) for hand in (8, 29) for f in range(5)
       for k in range(1, 5)]
)  # fmt: skip
GROUPS = ((slice(0, 8), 1.0), (slice(8, 29), 2.0), (slice(29, 50), 2.0))  # body, hands; weights


def use(threads: int) -> None:
    """Uses so many processor threads."""
    torch.set_num_threads(threads)


def sinusoids(length: int, width: int):
    """[length, width] of wavelengths 2 pi to 20000 pi."""
    angles = torch.arange(length)[:, None] * torch.exp(torch.arange(0, width, 2) * -math.log(1e4) / width)
    return torch.stack([angles.sin(), angles.cos()], -1).reshape(length, width)


def layers(kind, width: int, depth: int, heads: int, mlp: int, dropout: float, pre: bool = True):
    """`depth` of PyTorch's own transformer layers with GELU."""
    options = {"dropout": dropout, "activation": "gelu", "batch_first": True, "norm_first": pre}
    return nn.ModuleList([kind(width, heads, mlp, **options) for _ in range(depth)])


class VqVae(nn.Module):
    """Poses [B, T, 150] to one code of 512 every 4 frames and back, by attention over all frames."""

    def __init__(self, width=256, depth=4, heads=4, mlp=1024, dropout=0.1, longest=1500):
        super().__init__()
        block = (nn.TransformerEncoderLayer, width, depth, heads, mlp, dropout)
        self.embed, self.head = nn.Linear(POSE, width), nn.Linear(width, POSE)
        self.encoder, self.decoder = layers(*block), layers(*block)
        self.encoder_norm, self.decoder_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.fold = nn.Conv1d(width, width, STRIDE, STRIDE)
        self.from_latent = nn.Linear(width, width)
        self.unfold = nn.ConvTranspose1d(width, width, STRIDE, STRIDE)
        self.codes = nn.Parameter(torch.empty(CODES, width).uniform_(-1 / CODES, 1 / CODES), False)
        self.register_buffer("counts", torch.zeros(CODES))
        self.register_buffer("sums", self.codes.detach().clone())
        self.register_buffer("places", sinusoids(longest, width), persistent=False)

    def forward(self, pose):
        """(poses [B, T, 150], commitment [])."""
        z = self.encode(pose)
        with torch.no_grad():
            near = self._nearest(z)
            quantized = self.codes[near]
            if self.training:
                self._move(z, near)
        commitment = functional.mse_loss(z, quantized)
        return self.decode(z + (quantized - z).detach(), pose.shape[1]), commitment

    def encode(self, pose):
        """Latents [B, T // 4, D]."""
        h = self.embed(pose) + self.places[: pose.shape[1]]
        for layer in self.encoder:
            h = layer(h)
        return self.fold(self.encoder_norm(h).mT).mT

    def decode(self, z, length: int):
        """Poses [B, length, 150] of latents."""
        h = self.unfold(self.from_latent(z).mT).mT
        h = functional.pad(h, (0, 0, 0, length - h.shape[1])) + self.places[:length]
        for layer in self.decoder:
            h = layer(h)
        return self.head(self.decoder_norm(h))

    def _nearest(self, z):
        flat = z.reshape(-1, z.shape[-1])
        distance = (flat**2).sum(1, keepdim=True) - 2 * flat @ self.codes.T + (self.codes**2).sum(1)
        return distance.argmin(1).reshape(z.shape[:-1])

    def _move(self, z, near, decay=0.95, least=1e-5):
        """The codes as moving averages of the latents next to them."""
        one_hot = functional.one_hot(near.reshape(-1), CODES).to(z)
        self.counts.mul_(decay).add_(one_hot.sum(0), alpha=1 - decay)
        self.sums.mul_(decay).add_(one_hot.T @ z.reshape(-1, z.shape[-1]), alpha=1 - decay)
        total = self.counts.sum()
        smooth = (self.counts + least) / (total + CODES * least) * total
        self.codes.copy_(self.sums / smooth[:, None])


def vqvae_loss(model: VqVae, pose):
    """The terms of the original project's loss, all frames valid; bones are one mean, not one a part."""
    made, commitment = model(pose)
    frames, made_xyz = pose.shape[0] * pose.shape[1], made.unflatten(-1, (50, 3))
    true_xyz = pose.unflatten(-1, (50, 3))
    squared = ((made_xyz - true_xyz)[..., :2] ** 2).sum(-1)  # [B, T, 50]
    sure = true_xyz[..., 2].clamp(0, 1)
    weighted = sum(
        (weight * sure[..., part] * squared[..., part]).sum() / (weight * sure[..., part]).sum().clamp(min=1)
        for part, weight in GROUPS
    )
    child, parent = torch.tensor(BONES).T
    bones = [(x[..., child, :2] - x[..., parent, :2]).norm(dim=-1) for x in (made_xyz, true_xyz)]
    speed = made_xyz[..., :2].diff(dim=1)
    moved = speed.abs().sum((-1, -2)).mean(), speed.diff(dim=1).abs().sum((-1, -2)).mean()
    terms = ((made - pose) ** 2).sum() / frames + commitment + 0.5 * weighted
    return terms + 0.5 * (bones[0] - bones[1]).abs().mean() + 0.1 * moved[0] + 0.02 * moved[1]


class Bert(nn.Module):
    """BERT (Devlin et al. 2019) of the base size: post-norm blocks, its pooler there but unused."""

    def __init__(self, vocabulary, positions, width, depth, heads, mlp):
        super().__init__()
        self.word, self.place = nn.Embedding(vocabulary, width), nn.Embedding(positions, width)
        self.kind, self.norm = nn.Embedding(2, width), nn.LayerNorm(width)
        self.blocks = layers(nn.TransformerEncoderLayer, width, depth, heads, mlp, 0.1, pre=False)
        self.pooler = nn.Linear(width, width)

    def forward(self, ids):
        """States [B, L, D] of ids [B, L]."""
        h = self.norm(self.word(ids) + self.place.weight[: ids.shape[1]] + self.kind.weight[0])
        for block in self.blocks:
            h = block(h)
        return h


class Gpt(nn.Module):
    """Text ids and past tokens to the logits of the next token, SOS and EOS among them."""

    def __init__(self, width, depth, heads, mlp, dropout=0.1, bert=None, longest=1500):
        super().__init__()
        self.bert = Bert(**(bert or BERT)).eval().requires_grad_(False)
        self.text = nn.Linear(self.bert.pooler.in_features, width)
        self.embed, self.head = nn.Embedding(CODES + 2, width), nn.Linear(width, CODES + 2)
        self.blocks = layers(nn.TransformerDecoderLayer, width, depth, heads, mlp, dropout)
        self.register_buffer("places", sinusoids(longest, width), persistent=False)

    def train(self, mode=True):
        super().train(mode)
        self.bert.eval()  # frozen, without dropout
        return self

    def forward(self, tokens, ids):
        """Logits [B, N, 514] after each of the tokens [B, N], of which SOS is the first; text ids [B, L]."""
        with torch.no_grad():
            states = self.bert(ids)
        return self.decode(tokens, states)

    def decode(self, tokens, states):
        """The same from the states [B, L, D] of the text."""
        memory, length = self.text(states), tokens.shape[1]
        h = self.embed(tokens) + self.places[:length]
        future = torch.ones(length, length, dtype=torch.bool).triu(1)
        for block in self.blocks:
            h = block(h, memory, tgt_mask=future)
        return self.head(h)


@torch.inference_mode()
def decode(model: Gpt, ids, most: int, generator, least: int = 0) -> list[int]:
    """The tokens of one text, ids [1, L]: temperature 1, the 20 likeliest of all 514, until EOS or `most`.

    No cache: every token runs BERT and the decoder on all that was written. EOS cannot come before `least`.
    """
    written = [SOS]
    while len(written) <= most:
        logits = model(torch.tensor([written]), ids)[0, -1]
        if len(written) <= least:
            logits[EOS] = -math.inf
        values, which = logits.topk(TOP_K)
        written.append(int(which[torch.multinomial(values.softmax(0), 1, generator=generator)]))
        if written[-1] == EOS:
            break
    return written[1:-1] if written[-1] == EOS and len(written) > 2 else written[1:]


def stepper(model: nn.Module, loss, decay: float):
    """A function that makes one training step on `loss()`: AdamW, gradients clipped to 1."""
    trained = [p for p in model.train().parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4, weight_decay=decay)

    def step() -> float:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        return float(value.detach())

    return step


def vqvae_step(pose, dropout: float):
    """A training step of the VQ-VAE on poses [B, T, 150]; ours has no dropout, so the measure takes 0."""
    torch.manual_seed(0)
    model, pose = VqVae(dropout=dropout), torch.as_tensor(pose)
    return stepper(model, lambda: vqvae_loss(model, pose), 1e-5)


def gpt_steps(clips: int, tokens: int, length: int):
    """Training steps of the GPT on random tokens [clips, tokens] and text ids [clips, length].

    Returns:
      (a step as the original project makes it, the same with the text's states given instead of BERT's pass).
    """
    torch.manual_seed(0)
    model = Gpt(**GPT)
    ids, codes = torch.randint(BERT["vocabulary"], (clips, length)), torch.randint(CODES, (clips, tokens))
    seen = functional.pad(codes, (1, 0), value=SOS)[:, :-1]
    with torch.no_grad():
        states = model.bert(ids)

    def loss(logits):
        return functional.cross_entropy(logits.flatten(0, 1), codes.flatten())

    whole = stepper(model, lambda: loss(model(seen, ids)), 0.01)
    return whole, stepper(model, lambda: loss(model.decode(seen, states)), 0.01)


def sampler(length: int, tokens: int):
    """A function that decodes `tokens` tokens of one clip from a random text of `length` ids."""
    torch.manual_seed(0)
    model, generator = Gpt(**GPT).eval(), torch.Generator().manual_seed(0)
    ids = torch.randint(BERT["vocabulary"], (1, length))
    return lambda: decode(model, ids, tokens, generator, tokens)
