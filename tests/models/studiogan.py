"""StudioGAN's SAGAN in PyTorch, written from its published architecture, for the tests."""

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import spectral_norm


def normalized(layer):
    return spectral_norm(layer, eps=1e-6)


def conv(inputs, outputs, size, bias=True):
    return normalized(nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=bias))


class ConditionalNorm(nn.Module):
    def __init__(self, classes, channels, old_names):
        super().__init__()
        self.bn = nn.BatchNorm2d(channels, eps=1e-4, affine=False)
        self.classes, self.old_names = classes, old_names
        if old_names:
            self.embed0 = normalized(nn.Embedding(classes, channels))
            self.embed1 = normalized(nn.Embedding(classes, channels))
        else:
            self.gain = normalized(nn.Linear(classes, channels, bias=False))
            self.bias = normalized(nn.Linear(classes, channels, bias=False))

    def forward(self, x, labels):
        if self.old_names:
            gain, bias = self.embed0(labels), self.embed1(labels)
        else:
            hot = functional.one_hot(labels, self.classes).float()
            gain, bias = self.gain(hot), self.bias(hot)
        return self.bn(x) * (1 + gain[:, :, None, None]) + bias[:, :, None, None]


class Attention(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1x1_theta = conv(channels, channels // 8, 1, bias=False)
        self.conv1x1_phi = conv(channels, channels // 8, 1, bias=False)
        self.conv1x1_g = conv(channels, channels // 2, 1, bias=False)
        self.conv1x1_attn = conv(channels // 2, channels, 1, bias=False)
        self.sigma = nn.Parameter(torch.tensor([0.7]))

    def forward(self, x):
        batch, _, height, width = x.shape
        query = self.conv1x1_theta(x).flatten(2)  # (b, c/8, n)
        key = functional.max_pool2d(self.conv1x1_phi(x), 2).flatten(2)
        value = functional.max_pool2d(self.conv1x1_g(x), 2).flatten(2)
        weights = torch.softmax(query.transpose(1, 2) @ key, dim=-1)  # (b, n, n/4)
        attended = (value @ weights.transpose(1, 2)).reshape(batch, -1, height, width)
        return x + self.sigma * self.conv1x1_attn(attended)


class GeneratorBlock(nn.Module):
    def __init__(self, inputs, outputs, classes, old_names):
        super().__init__()
        self.bn1 = ConditionalNorm(classes, inputs, old_names)
        self.bn2 = ConditionalNorm(classes, outputs, old_names)
        self.conv2d0 = conv(inputs, outputs, 1)
        self.conv2d1 = conv(inputs, outputs, 3)
        self.conv2d2 = conv(outputs, outputs, 3)

    def forward(self, x, labels):
        hidden = functional.interpolate(functional.relu(self.bn1(x, labels)), scale_factor=2)
        hidden = functional.relu(self.bn2(self.conv2d1(hidden), labels))
        return self.conv2d2(hidden) + self.conv2d0(functional.interpolate(x, scale_factor=2))


class Generator(nn.Module):
    def __init__(self, latent_dim, widths, classes, attention_after, old_names=False):
        super().__init__()
        self.first = widths[0]
        self.linear0 = normalized(nn.Linear(latent_dim, 16 * widths[0]))
        blocks = []
        for index, (inputs, outputs) in enumerate(zip(widths, widths[1:]), 1):
            blocks.append(nn.ModuleList([GeneratorBlock(inputs, outputs, classes, old_names)]))
            if index == attention_after:
                blocks.append(nn.ModuleList([Attention(outputs)]))
        self.blocks = nn.ModuleList(blocks)
        self.bn4 = nn.BatchNorm2d(widths[-1], eps=1e-4)
        self.conv2d5 = conv(widths[-1], 3, 3)

    def forward(self, latents, labels):
        hidden = self.linear0(latents).view(-1, self.first, 4, 4)
        for (block,) in self.blocks:
            is_attention = isinstance(block, Attention)
            hidden = block(hidden) if is_attention else block(hidden, labels)
        return torch.tanh(self.conv2d5(functional.relu(self.bn4(hidden))))


class FirstBlock(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv2d0 = conv(inputs, outputs, 1)
        self.conv2d1 = conv(inputs, outputs, 3)
        self.conv2d2 = conv(outputs, outputs, 3)
        self.activation = nn.ReLU(inplace=True)

    def forward(self, x):
        hidden = self.conv2d2(self.activation(self.conv2d1(x)))
        return functional.avg_pool2d(hidden, 2) + self.conv2d0(functional.avg_pool2d(x, 2))


class Block(FirstBlock):
    def __init__(self, inputs, outputs, downsample):
        super().__init__(inputs, outputs)
        self.downsample = downsample
        self.activation = nn.ReLU(inplace=True)
        if not downsample and inputs == outputs:
            del self.conv2d0

    def forward(self, x):
        shortcut = x
        x = self.activation(x)  # in place, as published: the shortcut sees it too
        hidden = self.conv2d2(self.activation(self.conv2d1(x)))
        if hasattr(self, "conv2d0"):
            shortcut = self.conv2d0(shortcut)
        if self.downsample:
            return functional.avg_pool2d(hidden, 2) + functional.avg_pool2d(shortcut, 2)
        return hidden + shortcut


class Discriminator(nn.Module):
    def __init__(self, widths, classes, attention_after):
        super().__init__()
        blocks = []
        for index, (inputs, outputs) in enumerate(zip([3, *widths], widths), 1):
            first = index == 1
            downsample = index < len(widths)
            block = FirstBlock(inputs, outputs) if first else Block(inputs, outputs, downsample)
            blocks.append(nn.ModuleList([block]))
            if index == attention_after:
                blocks.append(nn.ModuleList([Attention(outputs)]))
        self.blocks = nn.ModuleList(blocks)
        self.linear1 = normalized(nn.Linear(widths[-1], 1))
        self.embedding = normalized(nn.Embedding(classes, widths[-1]))

    def forward(self, x, labels):
        for (block,) in self.blocks:
            x = block(x)
        features = functional.relu(x).sum(dim=(2, 3))
        return self.linear1(features)[:, 0] + (self.embedding(labels) * features).sum(dim=1)
