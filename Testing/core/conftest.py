"""Fixtures of the core's tests: a small model that answers, complete on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from lsms_core.anatomy.geometry import CTVolume


@pytest.fixture(scope="session")
def small_bundle(tmp_path_factory) -> Path:
    """A bundle of random weights whose answers depend on the image and on the text."""
    torch = pytest.importorskip("torch")

    from lsms_core.benchmarking.random_bundle import random_model, save_random_bundle
    from lsms_core.dataset.preprocessing import PreprocessingConfig
    from lsms_core.models.lsms.lsms_config import LSMSConfig

    bert = {
        "vocab_size": 120,
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 32,
    }
    config = LSMSConfig(dims=(8, 8, 16, 16), depths=(1, 1, 1, 1), decoder_width=32)
    model = random_model(config, bert)
    with torch.no_grad():
        # Fresh weights say "nothing" everywhere; these give both answers in every slice.
        model.lsms.decoder.classify.bias.zero_()
        model.lsms.decoder.classify.weight.mul_(4)
        for name, parameter in model.lsms.named_parameters():
            if name.endswith(("scale1", "scale2")):
                parameter.fill_(1.0)
    grid = PreprocessingConfig(spacing_mm=3.0, height=64, width=96)
    folder = tmp_path_factory.mktemp("models") / "small"
    return save_random_bundle(folder, model, grid, dtype="float32")


@pytest.fixture(scope="module")
def shallow_networks():
    """LSMS "tiny" with one block a stage: a run does the same with them, in a third of the time."""
    from lsms_core.models.lsms import lsms_config

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(lsms_config._VARIANTS["tiny"], "depths", (1, 1, 1, 1))
        yield


@pytest.fixture(scope="session")
def small_ct():
    """Make a volume: an ellipse of noisy tissue in air, 2 x 2 x 3 mm, stored as seen."""
    from lsms_core.anatomy.geometry import CTVolume

    def make(slices: int = 5) -> CTVolume:
        generator = np.random.default_rng(0)
        rows, columns = np.mgrid[-1:1:48j, -1:1:64j]
        body = (rows**2 + columns**2 < 0.8)[None]
        tissue = generator.normal(50, 40, (slices, 48, 64))
        array = np.where(body, tissue, -1000).astype(np.int16)
        return CTVolume(array, np.diag([-2.0, -2.0, 3.0, 1.0]))

    return make


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory) -> Path:
    """A whole bundle with random weights; its answers mean nothing."""
    pytest.importorskip("torch")
    from Testing.core.models_tiny import random_bundle

    return random_bundle(
        tmp_path_factory.mktemp("models") / "random-tiny",
        preprocessing={"spacing_mm": 2.0, "height": 64, "width": 64},
        card="# Random\n\nRandom weights for tests.\n",
        version="0.0.1",
    )[1]


@pytest.fixture(scope="session")
def quick_bundle(tmp_path_factory) -> Path:
    """A bundle that needs no torch: what stands out from tissue is a lesion, all in the right lobe.

    For tests of processes, where importing torch takes most of the time.
    """
    from Testing.core.graph_by_hand import quick_bundle

    return quick_bundle(tmp_path_factory.mktemp("quick"))


@pytest.fixture
def bright_engine(monkeypatch) -> None:
    """Answer by brightness instead of by weights, so that tests know what must be found.

    Voxels above 120 HU fit a text with "bright", those between -50 and 20 HU inside the body
    fit one with "dark", and nothing fits any other text.
    """
    from lsms_core.inference.lsms_engine import LsmsEngine

    def probabilities(self, images, texts, drawn=None):
        hu = (images[:, images.shape[1] // 2] + 1.0) * 200.0 - 160.0
        answers = np.zeros_like(hu)
        for n, text in enumerate(texts):
            if "bright" in text.text:
                answers[n] = np.where(hu[n] > 120, 0.9, 0.05)
            elif "dark" in text.text:
                answers[n] = np.where((hu[n] > -50) & (hu[n] < 20), 0.8, 0.05)
        return answers.astype(np.float32)

    monkeypatch.setattr(LsmsEngine, "probabilities", probabilities)


def block_ct(affine: np.ndarray | None = None) -> CTVolume:
    """A body of 60 HU in air with a bright block on the patient's left and a dark one right.

    The array runs left, posterior, superior; voxels are 2 x 2 x 5 mm. The bright block has
    3 slices of 8 x 6 pixels, the dark one 2 slices of 10 x 10.
    """
    rng = np.random.default_rng(0)
    array = np.full((8, 48, 56), -1000, np.int16)
    array[:, 6:42, 6:50] = 60 + rng.integers(-3, 4, (8, 36, 44))
    array[2:5, 20:26, 36:44] = 200
    array[4:6, 18:28, 14:24] = 0
    if affine is None:
        affine = np.diag([-2.0, -2.0, 5.0, 1.0])
        affine[:3, 3] = (56, 48, -100)
    return CTVolume(array, affine)


@pytest.fixture
def ct() -> CTVolume:
    """See :func:`block_ct`."""
    return block_ct()


@pytest.fixture
def ct_file(ct, tmp_path) -> Path:
    """The small CT as NIfTI."""
    import SimpleITK as sitk

    path = tmp_path / "ct.nii.gz"
    sitk.WriteImage(ct.to_sitk(), str(path))
    return path


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    status: int
    out: str
    err: str


@pytest.fixture
def lsms(capfd):
    """Run the command line in this process."""
    from lsms_core.cli.main import main

    def run(*arguments: object) -> Ran:
        capfd.readouterr()
        status = 0
        try:
            main([str(a) for a in arguments])
        except SystemExit as stop:
            status = int(stop.code or 0)
        out, err = capfd.readouterr()
        return Ran(status, out, err)

    return run
