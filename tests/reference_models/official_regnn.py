"""A pickled module as the official training script of REGNN saves it: classes of modules that are not ours."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import ModuleType

import torch
from torch import Tensor, nn

_BUFFERS = ("version", "embed_positions._float_tensor", "motor_processor.p", "motor_processor.sign_s")


def install(monkeypatch, name: str, parents: tuple[type, ...] = (nn.Module,)) -> type:
    """A class of a module ``models.…`` that can be imported until the test ends."""
    module, _, kind = name.rpartition(".")
    for depth in range(1, module.count(".") + 2):
        package = ".".join(module.split(".")[:depth])
        if package not in sys.modules:
            monkeypatch.setitem(sys.modules, package, ModuleType(package))
    made = type(kind, parents, {"__module__": module})
    setattr(sys.modules[module], kind, made)
    return made


def official_module(monkeypatch, state: Mapping[str, Tensor], *, initialised: bool = True) -> nn.Module:
    """A tree of modules whose state is a published one."""
    inner = install(monkeypatch, "models.parts.Part")
    root = install(monkeypatch, "models.mhp.MHP")()
    for key, value in state.items():
        *path, name = key.split(".")
        place = root
        for part in path:
            if part not in place._modules:
                place.add_module(part, inner())
            place = place._modules[part]
        if key.endswith(_BUFFERS):
            place.register_buffer(name, value)
        else:
            place.register_parameter(name, nn.Parameter(value))
        if path[-1:] == ["norm_layer"]:
            place._init = initialised
    root.activation, root.device, root.names = nn.GELU(), torch.device("cpu"), {"neighbours", "direct"}
    root.register_buffer("passing", torch.zeros(3), persistent=False)
    return root
