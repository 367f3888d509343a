"""The real child process explains answers: pictures, words, each engine, errors, death."""

from __future__ import annotations

import os

import numpy as np
import pytest

from lsms_core.inference.explain import explain
from lsms_core.inference.predictor import Predictor
from lsms_core.models.medclip_sam import files
from lsms_core.worker.client import WorkerClient
from Testing.core.medclip_tiny import write_clip, write_sam
from Testing.core.test_worker_process import PATIENCE_S, ask, model, until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def client(small_bundle):
    with WorkerClient() as one:
        yield one


def test_an_explanation_shows_what_the_predictor_explains(client, small_bundle, small_ct):
    ct, text = small_ct(), "left lobe lesion"
    client.wait(ask(client, ct, small_bundle, volume_key="why"), PATIENCE_S)
    sent = client._sent_key
    request = client.explain(
        ct.array, ct.affine, text, model=model(small_bundle), index=2, volume_key="why"
    )
    assert client._sent_key == sent  # the volume is there already
    events = until(client, "explanation")
    steps = [(e.fields["done"], e.fields["total"]) for e in events if e.kind == "progress"
             and e.request == request and e.fields["stage"] == "explain"]  # fmt: skip
    assert steps == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]
    found = events[-1]
    expected = explain(Predictor.from_pretrained(small_bundle, "cpu"), ct, text, index=2)
    assert found.fields["text"] == text
    assert found.fields["engine"] == "lsms"
    assert [p["title"] for p in found.fields["pictures"]] == ["Slice", "Probability", "Finding"]
    for number, one in enumerate(expected.pictures):
        assert found.fields["pictures"][number]["caption"] == one.caption
        shown = found.arrays[f"picture{number}"]
        assert (shown.dtype, shown.shape) == (np.uint8, one.picture.shape)
    np.testing.assert_array_equal(found.arrays["picture0"], expected.pictures[0].picture)
    assert [w["word"] for w in found.fields["words"]] == text.split()
    for mine, theirs in zip(found.fields["words"], expected.words, strict=True):
        assert mine["change"] == pytest.approx(theirs.change, abs=2e-3)


def test_an_explanation_of_what_is_not_there_is_refused_in_words(client, small_bundle, small_ct):
    ct = small_ct(1)
    for options, said in (({"index": 7}, "Slice 7 is outside"), ({"text": "?!"}, "has no words")):
        asked = {"text": "lesion", **options}
        request = client.explain(ct.array, ct.affine, model=model(small_bundle), **asked)
        event = client.wait(request, PATIENCE_S)
        assert (event.kind, event.fields["kind"]) == ("error", "InputError")
        assert said in event.fields["message"]


def test_the_second_engine_explains_its_stages(client, tmp_path, small_ct):
    parts = write_clip(tmp_path / "biomedclip"), write_sam(tmp_path / "sam")
    bundle = files.assemble(*parts, tmp_path / "medclip-sam", version="v2")
    ct = small_ct(1)
    chosen = {**model(bundle), "engine": "medclip-sam"}
    found = client.wait(client.explain(ct.array, ct.affine, "a picture", model=chosen), PATIENCE_S)
    assert found.kind == "explanation", found.fields
    assert found.fields["engine"] == "medclip-sam"
    assert "no better than a neutral one" in found.fields["verdict"]
    titles = [p["title"] for p in found.fields["pictures"]]
    assert titles == ["Slice", "Attention", "Where to look", "Finding"]
    assert found.fields["words"] == []
    expected = explain(Predictor.from_pretrained(bundle, "cpu"), ct, "a picture")
    for number, one in enumerate(expected.pictures):
        # Another number of threads sums in another order.
        difference = found.arrays[f"picture{number}"].astype(int) - one.picture
        assert np.abs(difference).mean() < 2


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_an_explanation_lost_with_the_worker_can_be_asked_for_again(quick_bundle, small_ct):
    ct = small_ct(1)
    with WorkerClient() as own:
        request = own.explain(ct.array, ct.affine, "left lesion", model=model(quick_bundle))
        os.kill(own.process_id, 9)
        died = until(own, "died")[-1]
        assert died.fields["requests"] == [request]
        event = own.wait(own.retry(request), PATIENCE_S)
    assert event.kind == "explanation"
    assert event.arrays["picture0"].ndim == 3
