"""The bare network's time: float32, bfloat16, and replayed as a CUDA graph."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lsms_core.benchmarking.machine import median_of

Inputs = tuple[Tensor, Tensor, Tensor]


@torch.inference_mode()
def network_times(network: nn.Module, inputs: Inputs, budget_s: float) -> dict[str, float | None]:
    """Time the network on one slice.

    Args:
        network: an LSMS in evaluation mode, on the inputs' device.
        inputs: image (1, C, H, W), text features (1, T, D) and their mask (1, T).
        budget_s: seconds a measurement.

    Returns:
        Seconds: "network_s" in float32, "bf16_s" with bfloat16 where it is safe, and
        "graph_s" as bfloat16 in a CUDA graph (None without CUDA); "bf16_difference" is the
        largest change of a probability that bfloat16 brings.
    """
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    device = inputs[0].device
    exact = network(*inputs).float().sigmoid()

    def half() -> Tensor:
        with torch.autocast(device.type, torch.bfloat16):
            out: Tensor = network(*inputs)
        return out

    return {
        "network_s": median_of(lambda: network(*inputs), device, budget_s),
        "bf16_s": median_of(half, device, budget_s),
        "bf16_difference": float((half().float().sigmoid() - exact).abs().max()),
        "graph_s": _graph_seconds(network, inputs, budget_s) if device.type == "cuda" else None,
    }


def _graph_seconds(network: nn.Module, inputs: Inputs, budget_s: float) -> float:
    """Time the replay of a captured graph: no kernel is launched from Python any more."""
    device = inputs[0].device

    def run() -> Tensor:
        # Casts that autocast caches must not outlive the capture.
        with torch.autocast("cuda", torch.bfloat16, cache_enabled=False):
            out: Tensor = network(*inputs)
        return out

    side = torch.cuda.Stream(device)
    side.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(side):
        for _ in range(3):
            run()
    torch.cuda.current_stream(device).wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return median_of(graph.replay, device, budget_s)
