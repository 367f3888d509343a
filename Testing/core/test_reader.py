"""The reader: what a text means, kind by kind, and that a side is never read wrongly."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lsms_core.language.query import Query
from lsms_core.language.read import read

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "text" / "readings.jsonl"


def test_a_text_is_read_entry_by_entry():
    reading = read("Two well-defined hypodense lesions under 2 cm in segments V/VI")
    assert reading.query == Query(
        attenuation="hypodense",
        count=2,
        margin="well-defined",
        segments=("5", "6"),
        size_max_mm=20.0,
    )
    assert reading.unread == ()
    assert reading.understood


@pytest.mark.parametrize("text", ["", "   ", "...", "👈", "asdf qwer", "12345", "left turn ahead"])
def test_what_is_not_understood_has_an_empty_query(text):
    reading = read(text)
    assert not reading.understood
    assert reading.query == Query()


def test_a_span_says_where_an_entry_was_read():
    text = "small  LEFT lobe cyst, calcified"
    spans = {s.name: text[s.start : s.end] for s in read(text).spans}
    assert spans["sides"] == "LEFT lobe"
    assert spans["unread"] == "calcified"
    assert spans["attenuation"] == "cyst"


def test_reading_loads_no_network_library():
    code = (
        "import sys; from lsms_core.language.read import read; read('left lobe lesion');"
        "print(sorted({'torch', 'transformers', 'onnxruntime'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.shared_data
@pytest.mark.skipif(not SHARED.is_file(), reason=f"{SHARED} is not there")
def test_the_shared_readings_are_read_rightly():
    wrong = []
    for line in SHARED.read_text("utf-8").splitlines():
        record = json.loads(line)
        got = read(record["text"]).to_dict()
        expected = dict(record["expect"])
        assert got["sides"] != expected.pop("sides_not", None), record["text"]
        unread = " ".join(got["unread"]).replace("-", " ").split()
        phrases = expected.pop("unread", None)
        if phrases == []:
            wrong += [record["text"]] * bool(unread)
        for phrase in phrases or []:
            wrong += [record["text"]] * (not set(phrase.replace("-", " ").split()) <= set(unread))
        wrong += [record["text"] for key, value in expected.items() if got[key] != value]
    assert wrong == []
