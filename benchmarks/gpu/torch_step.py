"""The same update in PyTorch, to compare with: `python torch_step.py --batch_size=64`.

StudioGAN's SAGAN, as tests/models/studiogan.py has it, trained as PyTorch's users would have it
fast: bfloat16 autocast, channels_last, fused Adam, real and fake images in one call of D, and
`--compile` for torch.compile. One JSON line, as of run_step.py. Needs torch.
"""

import argparse
import copy
import json
import math
import os
import sys
import time

sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

import timing
import torch
from torch.nn.functional import relu
from torch.utils.flop_counter import FlopCounterMode

from tests.models import studiogan

_WARM_UP = 3
_EMA_DECAY = 0.9999


class Step:
    """One update of D and one of G at random images, by hinge loss and Adam.

    Args:
        arguments: what `parse` returns.
    """

    def __init__(self, arguments):
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.batch_size, self.classes = arguments.batch_size, arguments.num_classes
        self.autocast = arguments.precision == "bfloat16"
        blocks = int(math.log2(arguments.resolution // 4))
        attention_after = int(math.log2(arguments.attention_resolution // 4))
        widths = [arguments.base_channels * min(16, 2**i) for i in range(blocks + 1)]
        networks = (
            studiogan.Generator(128, widths[::-1], self.classes, attention_after),
            studiogan.Discriminator(widths, self.classes, blocks - attention_after),
        )
        self.generator, self.discriminator = (
            network.to(self.device, memory_format=torch.channels_last) for network in networks
        )
        self.average = copy.deepcopy(self.generator)
        adam = {"betas": (0.0, 0.999), "fused": self.device == "cuda"}
        self.generator_optimizer = torch.optim.Adam(self.generator.parameters(), 1e-4, **adam)
        self.discriminator_optimizer = torch.optim.Adam(
            self.discriminator.parameters(), 4e-4, **adam
        )
        shape = (self.batch_size, 3, arguments.resolution, arguments.resolution)
        images = torch.rand(shape, device=self.device) * 2 - 1
        self.images = images.to(memory_format=torch.channels_last)
        self.labels = self._draw_labels()

    def compile(self):
        self.generator.compile()
        self.discriminator.compile()

    def __call__(self):
        self.discriminator.requires_grad_(True)
        with torch.no_grad():
            fake_images, fake_labels = self._fake()
        images = torch.cat([self.images, fake_images])
        logits = self._judge(images, torch.cat([self.labels, fake_labels]))
        real_logits, fake_logits = logits.chunk(2)
        loss = relu(1 - real_logits).mean() + relu(1 + fake_logits).mean()
        self._descend(self.discriminator_optimizer, loss)

        self.discriminator.requires_grad_(False)
        self._descend(self.generator_optimizer, -self._judge(*self._fake()).mean())
        with torch.no_grad():
            averages, weights = (list(g.parameters()) for g in (self.average, self.generator))
            torch._foreach_lerp_(averages, weights, 1 - _EMA_DECAY)
        if self.device == "cuda":
            torch.cuda.synchronize()

    def _draw_labels(self):
        return torch.randint(self.classes, (self.batch_size,), device=self.device)

    def _fake(self):
        labels = self._draw_labels()
        latents = torch.randn(self.batch_size, 128, device=self.device)
        with torch.autocast(self.device, torch.bfloat16, enabled=self.autocast):
            return self.generator(latents, labels).float(), labels

    def _judge(self, images, labels):
        with torch.autocast(self.device, torch.bfloat16, enabled=self.autocast):
            return self.discriminator(images, labels).float()

    @staticmethod
    def _descend(optimizer, loss):
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()


def measure(arguments):
    """The figures of this configuration, a dict of JSON values."""
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")  # TF32, which XLA takes too
    step = Step(arguments)
    with FlopCounterMode(display=False) as counter:
        step()
    begin = time.perf_counter()
    if arguments.compile:
        step.compile()
    timing.seconds_of(step, _WARM_UP)
    compile_seconds = time.perf_counter() - begin
    on_gpu = step.device == "cuda"
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    seconds = timing.seconds_of(step, arguments.steps)
    peak_mb = round(torch.cuda.max_memory_allocated() / 2**20) if on_gpu else None
    return {
        "program": "pytorch" + " compiled" * arguments.compile,
        **{name: value for name, value in vars(arguments).items() if name != "compile"},
        **timing.rates(seconds, step.batch_size, round(counter.get_total_flops() / 1e9, 3)),
        "compile_seconds": round(compile_seconds, 1),
        "peak_memory_mb": peak_mb or timing.host_peak_mb(),
        "device": torch.cuda.get_device_name() if on_gpu else timing.host_name(),
        "runtime": f"torch {torch.__version__}",
    }


def parse(texts=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    defaults = {"batch_size": 64, "resolution": 128, "attention_resolution": 32}
    defaults = {**defaults, "base_channels": 64, "num_classes": 1000, "steps": 20}
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=default, help=f"default {default}")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--compile", action="store_true", help="torch.compile both networks")
    arguments = parser.parse_args(texts)
    for name in defaults:
        if getattr(arguments, name) < 1:
            parser.error(f"--{name}={getattr(arguments, name)} is not allowed; it is at least 1")
    for name in ("resolution", "attention_resolution"):
        size = getattr(arguments, name)
        if size < 8 or size & (size - 1) or size > arguments.resolution:
            allowed = "a power of 2 from 8 to the resolution"
            parser.error(f"--{name}={size} is not allowed; it must be {allowed}")
    return arguments


if __name__ == "__main__":
    print(json.dumps(measure(parse())), flush=True)
