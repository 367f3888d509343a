"""``lsms evaluate --readings``: texts right, wrong sides, mistakes by entry and by kind."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from lsms_core.cli.main import cli
from lsms_core.errors import InputError
from lsms_core.evaluation.readings import score_readings


def write(path, *records):
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), "utf-8")
    return path


def test_texts_entries_and_kinds_are_counted(tmp_path):
    path = write(
        tmp_path / "texts.jsonl",
        {"text": "left lobe cyst", "kind": "a", "expect": {"sides": ["left"], "nothing": False}},
        {"text": "left lobe cyst", "kind": "b", "expect": {"sides": ["right"], "unread": []}},
        {"text": "calcified lesion", "kind": "b", "expect": {"unread": ["calcified"]}},
        {"text": "calcified lesion", "kind": "b", "expect": {"unread": []}},
        {"text": "right lobe cyst", "expect": {"sides_not": ["right"]}},
    )
    scores = score_readings(path)
    assert (scores.right, scores.texts) == (2, 5)
    assert scores.by_field == {
        "sides": (1, 2), "nothing": (1, 1), "unread": (2, 3), "sides_not": (0, 1),
    }  # fmt: skip
    assert scores.by_kind == {"a": (1, 1), "b": (1, 3)}
    assert scores.wrong_sides == ["left lobe cyst", "right lobe cyst"]
    assert [m.name for m in scores.mistakes] == ["sides", "unread", "sides_not"]


def test_both_sides_are_no_wrong_side_where_one_is_meant(tmp_path):
    record = {"text": "lesions in both lobes", "expect": {"sides": ["left"]}}
    scores = score_readings(write(tmp_path / "t.jsonl", record))
    assert (scores.right, scores.wrong_sides) == (0, [])


@pytest.mark.parametrize(
    "content",
    ["", "no json", '{"text": "x"}', '{"expect": {}}', '{"text": "x", "expect": {"siedes": []}}'],
)
def test_what_is_no_record_is_said(tmp_path, content):
    path = tmp_path / "t.jsonl"
    path.write_text(content, "utf-8")
    with pytest.raises(InputError, match=r"t\.jsonl"):
        score_readings(path)


def test_the_command_prints_the_share_and_writes_a_report(tmp_path):
    path = write(tmp_path / "t.jsonl", {"text": "left lobe", "expect": {"sides": ["left"]}})
    report = tmp_path / "report.json"
    arguments = ["evaluate", "--readings", str(path), "--output", str(report)]
    done = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert "texts read rightly: 1 of 1 (100.0%)" in done.output
    assert json.loads(report.read_text("utf-8"))["share"] == 1.0
