"""What the variants cost, counted twice; and a measurement that really runs. Nothing is timed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from click.testing import CliRunner
from torch import nn

from lsms_core.benchmarking.describe import (
    SIZES,
    SPECIFIED_GMACS,
    SPECIFIED_HEADS,
    SPECIFIED_PARAMETERS,
    TEXT_WIDTHS,
    TOKENS,
    describe,
    describe_all,
    gmacs,
)
from lsms_core.benchmarking.machine import matmul_peak, seconds_of
from lsms_core.benchmarking.measure_models import BenchmarkConfig, benchmark
from lsms_core.benchmarking.random_bundle import random_model
from lsms_core.benchmarking.tables import benchmark_table, description_rows
from lsms_core.cli.benchmark import command
from lsms_core.cli.main import main
from lsms_core.errors import LsmsError
from lsms_core.models.lsms.lsms_config import VARIANTS, LSMSConfig
from lsms_core.models.lsms.mixers import EVALUATION_STEPS
from lsms_core.models.lsms.model import LSMS
from lsms_core.models.lsms.svla import LanguageBranch

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def descriptions():
    return {(d.variant, d.text_width): d for d in describe_all()}


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("width", TEXT_WIDTHS)
def test_parameters_are_those_of_the_specification(descriptions, name, width):
    one = descriptions[name, width]
    vision, decoder, language, total = SPECIFIED_PARAMETERS[name]
    assert one.vision / 1e6 == pytest.approx(vision, rel=0.03)
    assert one.decoder / 1e6 == pytest.approx(decoder, rel=0.03)
    assert one.heads / 1e6 == pytest.approx(SPECIFIED_HEADS[name][width], rel=0.03)
    assert one.language / 1e6 == pytest.approx(language[width], rel=0.03)
    assert one.total / 1e6 == pytest.approx(total[width], rel=0.03)


def test_the_counted_parts_are_the_whole_model():
    model = random_model(
        LSMSConfig.variant("tiny"),
        {
            "vocab_size": 100,
            "hidden_size": 384,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "intermediate_size": 32,
        },
    )
    text = sum(p.numel() for p in model.text_encoder.parameters())
    whole = sum(p.numel() for p in model.parameters())
    assert describe("tiny", 384, sizes=()).total == whole - text


@pytest.mark.parametrize("name", ["small", "base", "large"])
def test_gmacs_are_those_of_the_specification(descriptions, name):
    counted = dict(descriptions[name, 768].gmacs)
    for size, specified in zip(SIZES, SPECIFIED_GMACS[name], strict=True):
        assert counted[size] == pytest.approx(specified, rel=0.03)


def test_the_row_for_tiny_was_counted_with_other_mlp_ratios(descriptions):
    # See docs/performance.md: the parameter counts need 8/8/4/4, the GMACs 4/4/4/4.
    counted = dict(descriptions["tiny", 768].gmacs)
    narrow = replace(LSMSConfig.variant("tiny", text_width=768), mlp_ratios=(4, 4, 4, 4))
    for size, specified in zip(SIZES, SPECIFIED_GMACS["tiny"], strict=True):
        assert 1.08 < counted[size] / specified < 1.15
        assert gmacs(narrow, (size, size)) == pytest.approx(specified, rel=0.03)


@pytest.mark.parametrize("size", [(224, 224), (96, 160)])
def test_the_count_agrees_with_one_by_hand(size):
    """Layers by hooks, the two attentions and the factorisation by their formulas."""
    config = LSMSConfig.variant("tiny", text_width=768)
    network, total = LSMS(config).eval(), 0

    def layer(module, arguments, out):
        nonlocal total
        if isinstance(module, nn.Conv2d):
            rows, columns = module.kernel_size
            total += out.numel() * module.in_channels // module.groups * rows * columns
        elif isinstance(module, nn.Linear):
            total += out.numel() * module.in_features
        elif isinstance(module, LanguageBranch):
            total += 2 * out.numel() * TOKENS

    for module in network.modules():
        module.register_forward_hook(layer)
    with torch.inference_mode():
        text, mask = torch.randn(1, TOKENS, 768), torch.ones(1, TOKENS, dtype=torch.bool)
        network(torch.randn(1, 3, *size), text, mask)
    pixels = -(-size[0] // 8) * -(-size[1] // 8)
    channels, rank = config.decoder_width, config.nmf_rank
    product, small = pixels * channels * rank, (pixels + channels) * rank * rank
    # First codes; codes and bases in each step; the last codes; the product of both.
    total += product + EVALUATION_STEPS * 2 * (product + small) + (product + small) + product
    assert gmacs(config, size) == pytest.approx(total / 1e9, rel=1e-6)


def test_describe_prints_every_figure_beside_the_specification():
    shown = CliRunner().invoke(command, ["--describe"])
    assert shown.exit_code == 0
    for name in VARIANTS:
        assert name in shown.output
    assert "45.39 M parameters" in shown.output
    rows = json.loads(CliRunner().invoke(command, ["--describe", "--json"]).output)
    assert rows == description_rows(describe_all())
    assert len(rows) == len(VARIANTS) * (2 * 5 + 3)
    off = {(row["variant"], row["unit"]) for row in rows if not row["within"]}
    assert off == {("tiny", "GMAC")}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sizes", "224,x"], "sizes are '224,x'"),
        (["--sizes", ""], "sizes are ''"),
        (["--sizes", "32"], "64 to 1024"),
        (["--sizes", "2048"], "64 to 1024"),
        (["--variants", "huge"], "Unknown variant 'huge': use tiny"),
    ],
)
def test_unusable_options_are_refused_in_one_line(options, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["benchmark", *options])
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_a_bundle_that_is_not_there_is_named():
    config = BenchmarkConfig(variants=(), weights="nowhere", device="cpu", budget_s=0.0)
    with pytest.raises(LsmsError, match="No model 'nowhere'"):
        benchmark(config)


def test_a_function_is_timed_often_enough():
    calls = []
    times = seconds_of(lambda: calls.append(1), torch.device("cpu"), budget_s=0.0, at_least=5)
    assert len(times) == 5
    assert len(calls) == 6
    assert min(times) >= 0


def test_the_peak_is_measured():
    assert matmul_peak(torch.device("cpu"), torch.float32, budget_s=0.0) > 0.1


def test_a_measurement_in_fresh_processes_is_complete_and_consistent(small_bundle):
    seen = []
    config = BenchmarkConfig(
        variants=(), weights=str(small_bundle), threads=1, device="cpu", slices=2, budget_s=0.0
    )
    report = benchmark(config, lambda *step: seen.append(step))
    assert (seen[0], seen[-1]) == ((0, 2), (2, 2))
    (one,) = report["models"]
    assert (one["device"], one["threads"], one["grid"]) == ("cpu", 1, [64, 96])
    for name in ("import_s", "load_s", "first_slice_s", "network_s", "slice_s", "text_s", "bf16_s"):
        assert one[name] > 0, name
    assert one["cold_start_s"] == pytest.approx(one["import_s"] + one["load_s"])
    assert one["gflops"] == pytest.approx(2 * one["gmac"] / one["network_s"])
    assert one["share_of_peak"] == pytest.approx(one["gflops"] / one["peak_gflops"])
    assert one["peak_memory_mib"] > 100
    assert one["graph_s"] is None
    assert 0 <= one["bf16_difference"] < 1
    worker = report["worker"]
    assert worker["model_s"] > 0
    assert worker["sent_s"] > 0
    assert worker["kept_s"] > 0
    shown = benchmark_table(json.loads(json.dumps(report)))
    assert "64 x 96" in shown
    assert "Worker, one 512 x 512 slice" in shown
