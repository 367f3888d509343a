"""The two runtimes: the same maps, from one file of weights."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from lsms_core.errors import BundleError, DeviceError, InputError
from lsms_core.io.nifti import write_nifti
from lsms_core.models.installed import inspect_bundle
from lsms_core.models.runtime import open_runtime
from lsms_core.models.runtime.batches import in_batches
from lsms_core.models.runtime.choose import choose
from lsms_core.models.runtime.graphs import WEIGHTS, graphs_of
from lsms_core.models.runtime.threads import default_threads, usable_cores
from lsms_core.training import graph_agreement
from Testing.core.models_tiny import saved_drawing

pytestmark = pytest.mark.slow

SHAPE = {"dims": (8, 8, 16, 16), "depths": (1, 1, 1, 1), "decoder_width": 32}
BERT = {
    "vocab_size": 120,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}


@pytest.fixture(scope="module")
def plain_bundle(tmp_path_factory):
    """An LSMS of random weights that draws, stored in half precision, without graphs."""
    folder = tmp_path_factory.mktemp("models") / "plain"
    return saved_drawing(folder, card="# plain 0\n", version="0")


@pytest.fixture(scope="module")
def drawing_bundle(plain_bundle, small_ct):
    """The same with the graph that draws, compared with torch when it was made."""
    folder = plain_bundle.parent / "graphs"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graph_agreement, "_synthetic", small_ct)
        agreement = graph_agreement.add_graphs(plain_bundle, folder, version="1")
    assert agreement.enough
    return folder


def test_both_runtimes_draw_the_same_at_any_size(drawing_bundle):
    info = inspect_bundle(drawing_bundle)
    ours, torch_s = (open_runtime(info, "cpu", runtime=r) for r in ("onnxruntime", "torch"))
    assert (ours.name, torch_s.name) == ("onnxruntime", "torch")
    generator = np.random.default_rng(0)
    for shape in ((1, 3, 64, 96), (3, 3, 33, 47), (2, 3, 101, 75)):
        images = generator.uniform(-1, 1, shape).astype(np.float32)
        drawn = ours.draw(images)
        assert drawn.shape == (shape[0], 3, *shape[2:])
        assert drawn.dtype == np.float32
        np.testing.assert_allclose(drawn, torch_s.draw(images), atol=1e-3)
        assert np.ptp(drawn) > 0.1  # not a constant that any two networks share


def test_the_weights_are_stored_once(drawing_bundle):
    assert graphs_of(drawing_bundle) == {"draw"}
    graph = onnx.load(str(drawing_bundle / "draw.onnx"), load_external_data=False).graph
    external = [t for t in graph.initializer if t.data_location == onnx.TensorProto.EXTERNAL]
    inside = [t for t in graph.initializer if t.data_location != onnx.TensorProto.EXTERNAL]
    entries = [entry for tensor in external for entry in tensor.external_data]
    assert {entry.value for entry in entries if entry.key == "location"} == {WEIGHTS}
    assert sum(np.prod(t.dims) for t in external) > 10_000
    assert sum(len(t.raw_data) for t in inside) < 2_000


def test_a_graph_names_no_folder_of_the_machine_that_made_it(drawing_bundle):
    graph = (drawing_bundle / "draw.onnx").read_bytes()
    assert b"lsms.detail" in graph
    assert b".py" not in graph
    assert b"packages" not in graph


def test_an_altered_graph_is_refused(drawing_bundle, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(drawing_bundle, copy)
    graph = copy / "draw.onnx"
    graph.write_bytes(graph.read_bytes()[:-1] + b"\0")
    with pytest.raises(BundleError, match=r"draw\.onnx was altered"):
        inspect_bundle(copy)


def test_a_graph_that_cannot_be_read_says_what_to_do(drawing_bundle, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(drawing_bundle, copy)
    (copy / "draw.onnx").write_bytes(b"not a graph")
    with pytest.raises(BundleError, match=r"cannot open draw\.onnx.*update onnxruntime"):
        open_runtime(inspect_bundle(copy, verify=False), "cpu")


def test_a_model_without_graphs_runs_in_torch_or_says_what_to_install(tiny_bundle, monkeypatch):
    info = inspect_bundle(tiny_bundle)
    assert choose(info, "cpu") == ("torch", "cpu")
    with pytest.raises(BundleError, match=r"lsms-core\[torch\]"):
        choose(info, "cpu", "onnxruntime")
    monkeypatch.setattr("lsms_core.models.runtime.choose._installed", lambda name: name != "torch")
    with pytest.raises(BundleError, match=r"has no graphs.*lsms-core\[torch\]"):
        choose(info, "auto")


def test_a_part_that_a_model_lacks_is_refused(drawing_bundle, tiny_bundle):
    runtime = open_runtime(inspect_bundle(drawing_bundle), "cpu")
    with pytest.raises(BundleError, match=r"no graph text\.onnx"):
        runtime.encode(np.array([1, 2]))
    with pytest.raises(BundleError, match="draws nothing"):
        open_runtime(inspect_bundle(tiny_bundle), "cpu").draw(np.zeros((1, 3, 64, 64), np.float32))


@pytest.mark.parametrize(
    ("device", "runtime", "error"),
    [
        ("gpu", "auto", DeviceError),
        ("cuda:x", "auto", DeviceError),
        ("cpu:1", "auto", DeviceError),
        ("mps", "onnxruntime", DeviceError),
        ("directml", "torch", DeviceError),
        ("cpu", "tensorflow", InputError),
    ],
)
def test_what_does_not_exist_is_refused(drawing_bundle, device, runtime, error):
    with pytest.raises(error):
        choose(inspect_bundle(drawing_bundle), device, runtime)


def test_the_cpu_is_onnx_runtime_s(drawing_bundle):
    assert choose(inspect_bundle(drawing_bundle), "cpu") == ("onnxruntime", "cpu")


def test_threads_stay_within_what_the_process_may_use(drawing_bundle):
    assert 1 <= default_threads() <= usable_cores()
    with pytest.raises(InputError, match="threads is 0"):
        open_runtime(inspect_bundle(drawing_bundle), "cpu", threads=0)


def test_batches_shrink_where_memory_runs_out():
    sizes = []

    def run(some):
        sizes.append(len(some))
        if len(some) > 2:
            raise MemoryError
        return some + 1

    images = np.arange(70, dtype=np.float32).reshape(70, 1, 1, 1)
    np.testing.assert_array_equal(in_batches(run, images, "cuda:0"), images + 1)
    assert sizes[:5] == [32, 16, 8, 4, 2]


def test_memory_that_one_image_exhausts_is_said():
    def run(some):
        raise MemoryError

    with pytest.raises(MemoryError):
        in_batches(run, np.zeros((3, 1, 1, 1), np.float32), "cpu")


def test_a_model_with_graphs_is_complete(drawing_bundle, plain_bundle):
    info = inspect_bundle(drawing_bundle)
    assert (info.version, graphs_of(info.folder)) == ("1", {"draw"})
    assert info.card.startswith("# plain 1\n")
    assert "Compared on 1 CT" in info.card
    assert (info.folder / WEIGHTS).read_bytes() == (plain_bundle / WEIGHTS).read_bytes()


def test_graphs_that_draw_otherwise_are_refused(
    drawing_bundle, plain_bundle, small_ct, tmp_path, monkeypatch
):
    def as_before(model, folder):
        shutil.copy(drawing_bundle / "draw.onnx", folder)
        return ["draw"]

    monkeypatch.setattr("lsms_core.models.runtime.export.export_graphs", as_before)
    monkeypatch.setattr(graph_agreement, "_synthetic", small_ct)
    monkeypatch.setattr(graph_agreement, "LEAST_DICE", 1.1)
    with pytest.raises(BundleError, match="draw otherwise than torch"):
        graph_agreement.add_graphs(plain_bundle, tmp_path / "refused")
    assert not (tmp_path / "refused").exists()


def test_both_runtimes_read_and_find_the_same(tmp_path, monkeypatch):
    from lsms_core.benchmarking.random_bundle import random_model, save_random_bundle
    from lsms_core.models.bundle import load_model
    from lsms_core.models.lsms.lsms_config import LSMSConfig
    from lsms_core.models.runtime.export import export_graphs

    # A loop is written out step by step in a graph: two steps make as good a test as seven.
    monkeypatch.setattr("lsms_core.models.lsms.mixers.EVALUATION_STEPS", 2)
    folder = save_random_bundle(tmp_path / "words", random_model(LSMSConfig(**SHAPE), BERT))
    info = inspect_bundle(folder)
    assert export_graphs(load_model(info), folder) == ["text", "evidence"]
    ours, torch_s = (open_runtime(info, "cpu", runtime=r) for r in ("onnxruntime", "torch"))
    short, long = np.array([2, 7, 3]), np.array([2, 7, 8, 9, 3])
    for ids in (short, long):
        np.testing.assert_allclose(ours.encode(ids), torch_s.encode(ids), atol=1e-4)
    tokens = np.zeros((2, 5, 16), np.float32)
    tokens[0], tokens[1, :3] = ours.encode(long), ours.encode(short)
    mask = np.arange(5) < np.array([[5], [3]])
    image = np.random.default_rng(0).uniform(-1, 1, (1, 3, 50, 70)).astype(np.float32)
    found = ours.evidence(image, tokens, mask)
    assert found.shape == (2, 1, 50, 70)
    np.testing.assert_allclose(found, torch_s.evidence(image, tokens, mask), atol=1e-3)


def test_an_answer_needs_no_torch(drawing_bundle, tmp_path):
    """What an answer loads, from the command line to the file that it writes."""
    code = (
        "import sys\n"
        "from lsms_core.cli.main import main\n"
        "try:\n"
        "    main(sys.argv[1:])\n"
        "except SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        "import lsms_core.worker.process, lsms_core.worker.jobs, lsms_core.cli.demo\n"
        "heavy = {'torch', 'transformers', 'tokenizers', 'safetensors', 'onnx'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "assert 'onnxruntime' in sys.modules\n"
    )
    array = np.random.default_rng(0).normal(50, 20, (3, 64, 64)).astype(np.int16)
    path, target = tmp_path / "ct.nii.gz", tmp_path / "mask.nii.gz"
    write_nifti(path, array, np.diag([-2.0, -2.0, 3.0, 1.0]), "a block")
    arguments = ["segment", path, "--text", "lesion", "--weights", drawing_bundle]
    ran = subprocess.run(
        [sys.executable, "-c", code, *map(str, [*arguments, "--output", target])],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert target.is_file()
