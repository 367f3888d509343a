"""The predictor on a real bundle of random weights: grids, texts, cancel, memory, caches."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.errors import BundleError, CancelledError, DeviceError, InputError
from lsms_core.inference import maps as slice_maps
from lsms_core.inference.postprocess import PostprocessingConfig
from lsms_core.inference.predictor import Predictor

pytestmark = pytest.mark.slow

TEXTS = ["left lobe lesion", "right cyst", "all lesions"]
# Probabilities are kept as float16, and batches of another size are summed in another order.
CLOSE = {"atol": 2e-3, "rtol": 0.0}


@pytest.fixture
def predictor(small_bundle) -> Predictor:
    return Predictor.from_pretrained(small_bundle, "cpu")


@pytest.fixture
def volume(small_ct):
    return small_ct


def maps(predictions) -> np.ndarray:
    return np.stack([p.probability for p in predictions]).astype(np.float32)


def test_an_answer_lies_on_the_inputs_grid_and_says_where_it_comes_from(predictor, volume):
    ct = volume()
    (answer,) = predictor.segment(ct, "left lobe lesion")
    assert answer.mask.shape == answer.probability.shape == ct.shape
    assert answer.present == answer.mask.any()
    assert 0 < np.count_nonzero(answer.probability > 0.5) < ct.array.size
    assert (answer.engine, answer.model, answer.plane) == ("lsms", "small 0", "axial")
    assert answer.slices == tuple(range(5))
    assert answer.fallback is None
    assert answer.warnings == ()
    np.testing.assert_array_equal(answer.affine, ct.affine)


def test_a_picture_gives_what_a_volume_of_one_slice_gives(predictor, volume):
    ct = volume(1)
    stacked = predictor.segment(ct, TEXTS[0])[0].probability[0]
    # The affine is left-posterior-superior: the stored slice is the canonical one.
    flat = predictor.segment(ct.array[0], TEXTS[0], spacing_mm=(2.0, 2.0))[0]
    np.testing.assert_array_equal(flat.probability, stacked)
    assert flat.volume_ml is None


def test_a_range_gives_what_the_whole_volume_gives_there(predictor, volume):
    whole = predictor.segment(volume(), TEXTS[0])[0]
    part = predictor.segment(volume(), TEXTS[0], slices=[3, 1])[0]
    assert part.slices == (1, 3)
    np.testing.assert_allclose(part.probability[[1, 3]], whole.probability[[1, 3]], **CLOSE)
    assert not part.probability[[0, 2, 4]].any()


@pytest.mark.parametrize("plane", ["coronal", "sagittal", 1])
def test_other_planes_run_too(predictor, plane, volume):
    (answer,) = predictor.segment(volume(), TEXTS[0], plane=plane, slices=20)
    assert answer.mask.shape == (5, 48, 64)
    assert answer.axis == {"coronal": 1, "sagittal": 2, 1: 1}[plane]
    others = np.delete(answer.probability, 20, axis=answer.axis)
    assert not others.any()


@pytest.mark.parametrize("axes", [(0,), (1,), (2,), (0, 1, 2)])
def test_how_the_volume_is_stored_changes_nothing(predictor, axes, volume):
    ct = volume()
    flipped_affine = ct.affine.copy()
    for axis in axes:
        column = 2 - axis
        flipped_affine[:3, 3] += flipped_affine[:3, column] * (ct.shape[axis] - 1)
        flipped_affine[:3, column] *= -1
    stored = CTVolume(np.flip(ct.array, axes).copy(), flipped_affine)
    answer = predictor.segment(stored, TEXTS[0])[0].probability
    np.testing.assert_allclose(
        np.flip(answer, axes), predictor.segment(ct, TEXTS[0])[0].probability, **CLOSE
    )


def test_texts_together_get_what_each_gets_alone_in_their_order(predictor, volume):
    together = predictor.segment(volume(), TEXTS)
    assert [p.text for p in together] == TEXTS
    alone = [predictor.segment(volume(), text)[0] for text in TEXTS]
    np.testing.assert_allclose(maps(together), maps(alone), **CLOSE)
    assert np.abs(maps(together)[0] - maps(together)[1]).max() > 0.02


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_the_batch_size_changes_nothing(small_bundle, predictor, size, volume):
    other = Predictor.from_pretrained(small_bundle, "cpu", batch_size=size)
    expected = maps(predictor.segment(volume(), TEXTS[:2]))
    np.testing.assert_allclose(maps(other.segment(volume(), TEXTS[:2])), expected, **CLOSE)


def test_the_same_question_gets_the_same_bits(small_bundle, predictor, volume):
    first = maps(predictor.segment(volume(), TEXTS))
    again = maps(predictor.segment(volume(), TEXTS))
    fresh = maps(Predictor.from_pretrained(small_bundle, "cpu").segment(volume(), TEXTS))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first, fresh)


def test_several_texts_share_the_preparation_and_texts_are_encoded_once(
    predictor, monkeypatch, volume
):
    prepared, encoded = [], []
    original = slice_maps.prepare_slice

    def counting(*arguments):
        prepared.append(1)
        return original(*arguments)

    monkeypatch.setattr(slice_maps, "prepare_slice", counting)
    text_encoder = predictor.model.network.model.text_encoder
    text_encoder.register_forward_hook(lambda *_: encoded.append(1))
    predictor.segment(volume(), TEXTS)
    assert len(prepared) == 5
    assert len(encoded) == 3
    predictor.segment(volume(), TEXTS[::-1])
    assert len(encoded) == 3


def test_the_text_cache_forgets_the_oldest(predictor, monkeypatch):
    monkeypatch.setattr("lsms_core.inference.text_cache.CACHED_TEXTS", 2)
    engine = predictor._engine
    first = engine.encode("one")
    engine.encode("two")
    assert engine.encode("one") is first
    engine.encode("three")
    assert engine.encode("one") is first
    assert set(engine._texts._kept) == {"one", "three"}


def test_progress_rises_from_nothing_to_all(predictor, volume):
    seen = []
    predictor.segment(volume(), TEXTS, progress=lambda *step: seen.append(step))
    assert seen[0] == (0, 5, None)
    assert seen[-1] == (5, 5, 0.0)
    done = [step[0] for step in seen]
    assert done == sorted(done)


@given(stop=st.integers(0, 5))
def test_a_run_can_be_cancelled_at_any_batch(small_bundle, stop, volume):
    predictor = Predictor.from_pretrained(small_bundle, "cpu", batch_size=1, verify=False)
    asked, steps = [], []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > stop

    with pytest.raises(CancelledError):
        predictor.segment(
            volume(), TEXTS[0], cancelled=cancelled, progress=lambda *step: steps.append(step[0])
        )
    assert max(steps) == min(stop, 5)
    assert predictor.segment(volume(), TEXTS[0], cancelled=lambda: False)[0].mask.any()


class Short:
    """An engine whose device holds only ``room`` pairs at once; the CPU may hold more."""

    def __init__(self, engine, error, room, device="cpu"):
        self._engine, self._error, self._room = engine, error, room
        self._device = device
        self.name = engine.name
        self.text_free = engine.text_free
        self.sizes = []

    @property
    def device(self):
        return self._device

    def to(self, device):
        self._device = device

    def encode(self, text):
        return self._engine.encode(text)

    def probabilities(self, images, texts):
        self.sizes.append((self._device, len(images)))
        if len(images) > self._room.get(self._device, 0):
            raise self._error
        return self._engine.probabilities(images, texts)

    def draw(self, images):
        return self._engine.draw(images)


OUT_OF_MEMORY = [
    torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 8 bytes"),
    MemoryError(),
]


def rebuilt(predictor, engine) -> Predictor:
    return Predictor(engine, predictor.preprocessing, name="small", version="0", batch_size=4)


@pytest.mark.parametrize("error", OUT_OF_MEMORY)
def test_short_memory_means_smaller_batches_and_the_same_answer(predictor, error, volume):
    engine = Short(predictor._engine, error, {"cpu": 1})
    answers = rebuilt(predictor, engine).segment(volume(), TEXTS[:2])
    assert [size for _, size in engine.sizes] == [4, 2] + [1] * 10
    assert "Memory ran out on cpu" in answers[0].fallback
    expected = maps(predictor.segment(volume(), TEXTS[:2]))
    np.testing.assert_allclose(maps(answers), expected, **CLOSE)


def test_a_full_gpu_hands_over_to_the_cpu_visibly(predictor, volume):
    engine = Short(predictor._engine, OUT_OF_MEMORY[0], {"cpu": 8}, device="cuda")
    (answer,) = rebuilt(predictor, engine).segment(volume(), TEXTS[0])
    assert [device for device, _ in engine.sizes[:4]] == ["cuda", "cuda", "cuda", "cpu"]
    assert answer.device == "cpu"
    assert answer.fallback == "Memory ran out on cuda: continued on the CPU, which is slower."


def test_no_memory_at_all_says_so(predictor, volume):
    short = rebuilt(predictor, Short(predictor._engine, OUT_OF_MEMORY[1], {}))
    with pytest.raises(DeviceError, match="close other programs"):
        short.segment(volume(), TEXTS[0])


def test_an_error_that_is_not_about_memory_is_not_hidden(predictor, volume):
    engine = Short(predictor._engine, RuntimeError("shapes do not match"), {})
    with pytest.raises(RuntimeError, match="shapes"):
        rebuilt(predictor, engine).segment(volume(), TEXTS[0])
    assert len(engine.sizes) == 1


def test_missing_values_are_air_and_noted(predictor, volume):
    ct = volume(1)
    broken = ct.array.astype(np.float32)
    broken[0, :3] = np.nan
    broken[0, 3] = np.inf
    (answer,) = predictor.segment(CTVolume(broken, ct.affine), TEXTS[0])
    assert np.isfinite(answer.probability).all()
    assert "without a number" in answer.warnings[0]


def test_an_image_that_is_no_ct_is_noted(predictor, volume):
    ct = volume(1)
    (answer,) = predictor.segment(ct.with_array(ct.array.clip(0)), TEXTS[0])
    assert "Hounsfield" in answer.warnings[0]


def test_a_text_too_long_is_cut_and_noted(predictor, volume):
    (answer,) = predictor.segment(volume(1), "left lobe lesion " * 40)
    assert "first 64 tokens" in answer.warnings[0]


def test_a_threshold_given_at_once_or_later_cuts_the_same(predictor, volume):
    (later,) = predictor.segment(volume(), TEXTS[0])
    (at_once,) = predictor.segment(volume(), TEXTS[0], threshold=0.3)
    np.testing.assert_array_equal(later.recut(0.3).mask, at_once.mask)
    assert np.count_nonzero(at_once.mask) > np.count_nonzero(later.mask) > 0


def test_a_map_that_is_not_kept_cannot_be_cut_again(predictor, volume):
    (answer,) = predictor.segment(volume(1), TEXTS[0], keep_probability=False)
    assert answer.probability is None
    with pytest.raises(InputError, match="keep_probability"):
        answer.recut(0.3)


def test_bfloat16_on_request_agrees_closely_and_float32_is_the_default(
    small_bundle, predictor, volume
):
    half = Predictor.from_pretrained(small_bundle, "cpu", precision="bfloat16")
    exact = Predictor.from_pretrained(small_bundle, "cpu", precision="float32")
    expected = maps(predictor.segment(volume(2), TEXTS))
    np.testing.assert_array_equal(maps(exact.segment(volume(2), TEXTS)), expected)
    found = maps(half.segment(volume(2), TEXTS))
    assert 0 < np.abs(found - expected).max() < 0.1
    assert np.abs(found - expected).mean() < 0.01


def test_a_text_that_fits_nothing_gets_an_empty_mask(predictor, volume):
    strict = PostprocessingConfig(mask_threshold=0.999, presence_threshold=0.999)
    (answer,) = predictor.segment(volume(1), TEXTS[0], postprocessing=strict)
    assert not answer.present
    assert not answer.mask.any()
    assert 0 < answer.score < 0.999


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"text": ""}, "text is empty"),
        ({"text": "  \n"}, "text is empty"),
        ({"text": None}, "text is empty"),
        ({"text": []}, "No text was given"),
        ({"text": "?!"}, "has no words"),
        ({"text": 7}, "text is a int"),
        ({"slices": []}, "range of slices is empty"),
        ({"slices": 5}, "Slice 5 is outside the volume: use 0 to 4"),
        ({"slices": -1}, "Slice -1 is outside"),
        ({"slices": [1.5]}, "not a slice"),
        ({"plane": "oblique"}, "Unknown plane 'oblique'"),
        ({"plane": 3}, "Unknown plane 3"),
        ({"spacing_mm": (1, 1)}, "leave spacing_mm out"),
        ({"threshold": 0.0}, "between 0 and 1"),
        ({"threshold": 1.5}, "between 0 and 1"),
        ({"image": np.zeros((4, 4))}, "needs its pixel size"),
        ({"image": np.zeros((4, 4)), "spacing_mm": (0, 1)}, "needs its pixel size"),
        ({"image": np.zeros((4, 4, 3)), "spacing_mm": (1, 1)}, "neither a CTVolume nor"),
        ({"image": np.zeros((0, 4)), "spacing_mm": (1, 1)}, "image is empty"),
        ({"image": np.zeros((4, 4), complex), "spacing_mm": (1, 1)}, "complex128"),
    ],
)
def test_unusable_input_is_refused_in_words(predictor, changes, message, volume):
    arguments = {"image": volume(), "text": TEXTS[0], **changes}
    with pytest.raises(InputError, match=message):
        predictor.segment(arguments.pop("image"), arguments.pop("text"), **arguments)


def test_unusable_settings_are_refused_in_words(small_bundle, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match="no CUDA GPU"):
        Predictor.from_pretrained(small_bundle, "cuda")
    with pytest.raises(DeviceError, match="Unknown device 'gpu'"):
        Predictor.from_pretrained(small_bundle, "gpu")
    with pytest.raises(InputError, match="threads is 0"):
        Predictor.from_pretrained(small_bundle, "cpu", threads=0)
    with pytest.raises(InputError, match="batch size is 0"):
        Predictor.from_pretrained(small_bundle, "cpu", batch_size=0)
    with pytest.raises(InputError, match="Unknown precision 'float8'"):
        Predictor.from_pretrained(small_bundle, "cpu", precision="float8")
    with pytest.raises(BundleError, match="Unknown engine 'x'"):
        Predictor.from_pretrained(small_bundle, "cpu", "x")
