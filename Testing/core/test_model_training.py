"""What the optimiser must hold, and what must reach it, through the real training module."""

from __future__ import annotations

import pytest
import torch

from lsms_core.models.bundle import load_bundle
from lsms_core.models.lsms.encoder import DropPath
from lsms_core.models.lsms.outline import KINDS
from lsms_core.training.config import TrainingConfig
from lsms_core.training.module import LSMSTraining

pytestmark = pytest.mark.slow


@pytest.fixture(params=[True, False], ids=["frozen-embeddings", "all-free"])
def module(request, small_bundle, monkeypatch) -> LSMSTraining:
    bundle = load_bundle(small_bundle)
    for parameter in bundle.model.parameters():
        parameter.requires_grad_(True)
    config = TrainingConfig(
        cases="unused", samples=8, batch_size=2, freeze_embeddings=request.param
    )
    built = LSMSTraining(bundle.model, bundle.tokenizer, config)
    for part in built.modules():
        if isinstance(part, DropPath):
            part.rate = 0.0  # which branch a draw skips is not the question
    monkeypatch.setattr(built, "log", lambda *_, **__: None)  # there is no trainer to log to
    return built


def batch() -> dict:
    generator = torch.Generator().manual_seed(0)
    target = torch.zeros(2, 1, 64, 64)
    target[0, :, 10:30, 10:30] = 1
    target[1, :, 30:50, 30:54] = 1
    lesions = torch.zeros(2, 64, 64, dtype=torch.long)
    lesions[:, 10:30, 10:30] = 1
    lesions[:, 30:50, 30:54] = 2
    return {
        "image": torch.rand(2, 3, 64, 64, generator=generator) * 2 - 1,
        "text": ["left lobe lesion", "the largest right cyst"],
        "target": target,
        "lesions": lesions,
        "anatomy": torch.rand(2, len(KINDS), 64, 64, generator=generator).round(),
    }


def optimised(module: LSMSTraining) -> list[torch.nn.Parameter]:
    optimizer = module.configure_optimizers()["optimizer"]
    return [p for group in optimizer.param_groups for p in group["params"]]


def test_the_optimiser_holds_each_parameter_that_requires_a_gradient_once(module):
    held = optimised(module)
    wanted = [p for p in module.parameters() if p.requires_grad]
    assert len(held) == len(wanted)
    assert {id(p) for p in held} == {id(p) for p in wanted}


def test_each_parameter_that_the_optimiser_holds_gets_a_gradient(module):
    torch.manual_seed(0)
    module.training_step(batch(), 0).backward()
    held = {id(p) for p in optimised(module)}
    named = {n: p for n, p in module.named_parameters() if id(p) in held}
    assert [n for n, p in named.items() if p.grad is None] == []
    assert [n for n, p in named.items() if not p.grad.isfinite().all()] == []
    # Words that no text holds have no gradient of their own; all else must be moved by some.
    still = [n for n, p in named.items() if not p.grad.any()]
    assert [n for n in still if not _cannot_matter(n)] == []


def test_one_step_moves_each_parameter_that_the_optimiser_holds(module):
    settings = module.configure_optimizers()
    optimizer = settings["optimizer"]
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    before = {n: p.detach().clone() for n, p in module.named_parameters() if id(p) in held}
    torch.manual_seed(0)
    module.training_step(batch(), 0).backward()
    optimizer.step()
    after = dict(module.named_parameters())
    unmoved = [n for n, p in before.items() if torch.equal(after[n], p)]
    assert [n for n in unmoved if not _cannot_matter(n)] == []


def _cannot_matter(name: str) -> bool:
    """Biases that a norm or a softmax right behind them takes away again."""
    return name.endswith(
        (
            ".language.query.bias",  # an instance norm follows
            ".language.out.bias",  # an instance norm follows
            ".language.value.bias",  # the same for every pixel: taken away by that norm, too
            ".attention.self.key.bias",  # the same for every key: taken away by the softmax
        )
    )
