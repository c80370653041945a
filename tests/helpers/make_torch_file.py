"""Makes tests/assets/made.pth, a small checkpoint as torch.save writes it; needs torch."""

import collections
import sys
import types

from paths import ASSETS

PATH = ASSETS / "made.pth"


def write(path):
    """Tensors of several types, one not contiguous, two of one storage; an object of a foreign class."""
    import torch

    module = sys.modules["seed_config"] = types.ModuleType("seed_config")
    module.Config = type("Config", (), {"__module__": "seed_config"})
    config = module.Config()
    config.width, config.mean = 256, torch.arange(3.0) / 4
    both = torch.arange(12.0)
    state = collections.OrderedDict(
        turned=both.reshape(3, 4).T,
        tail=both[8:],
        half=torch.arange(4, dtype=torch.float16) / 8,
        brain=torch.arange(4, dtype=torch.bfloat16) / 8,
        count=torch.tensor(7),
        empty=torch.zeros(0, 3),
        seen=torch.tensor([True, False]),
        learned=torch.nn.Parameter(torch.full((2, 2), 0.5)),
    )
    other = [1, -2, 1 << 40, 0.5, None, True, "ü", (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), {"a": [[]]}]
    torch.save({"epoch": 3, "model_state_dict": state, "cfg": config, "other": other}, path)


if __name__ == "__main__":
    write(PATH)
