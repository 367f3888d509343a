"""``lsms read``: one line a text, JSON with the keys of the query, one-line errors."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from lsms_core.cli.main import cli, main
from lsms_core.language.chips import chips, describe
from lsms_core.language.read import read

KEYS = {
    "understood", "organ", "whole_organ", "sides", "segments", "attenuation", "size_min_mm",
    "size_max_mm", "size_about_mm", "rank", "place", "count", "excluded", "location", "shape",
    "margin", "texture", "nothing", "unread",
}  # fmt: skip


def run(*arguments):
    done = CliRunner().invoke(cli, ["read", *arguments], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output.splitlines()


def test_each_text_is_one_json_object_a_line():
    lines = run("left lobe cyst", "asdf", "--json")
    first, second = (json.loads(line) for line in lines)
    assert set(first) >= KEYS
    assert (first["sides"], first["attenuation"]) == (["left"], "cystic")
    assert not second["understood"]


def test_every_line_of_a_file_gets_a_reading(tmp_path):
    path = tmp_path / "texts.txt"
    path.write_bytes("\ufeffLäsion links\r\n\r\nsegment 7\nright lobe lesion".encode())
    readings = [json.loads(line) for line in run("--file", str(path), "--json")]
    assert [r["text"] for r in readings] == ["Läsion links", "", "segment 7", "right lobe lesion"]
    assert [r["understood"] for r in readings] == [False, False, True, True]


def test_people_get_a_line_with_what_was_not_read():
    assert run("left lobe calcified lesion under 1 cm") == [
        "left lobe · under 10 mm; not read: calcified"
    ]
    assert run("qwertz") == ["not understood"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lesion", "all lesions"),
        ("liver", "whole liver"),
        ("right hepatic lobe", "whole right lobe"),
        ("lesions in both lobes", "both lobes"),
        ("two largest lesions in segments 5 and 6", "segments 5, 6 · 2 largest"),
        ("all but the largest", "all but the largest"),
        ("second largest", "second largest"),
        ("10-20 mm lesions", "10 to 20 mm"),
        ("lesions over 3 cm", "over 30 mm"),
        ("2 cm lesion", "about 20 mm"),
        ("no lesion in the left lobe", "left lobe · nothing expected"),
        ("spleen", "another organ"),
        ("hypodense lesion", "darker than liver"),
        ("two lesions", "2 lesions"),
    ],
)
def test_what_was_read_in_short(text, said):
    assert describe(read(text)) == said


def test_a_chip_knows_the_words_it_comes_from():
    text = "Subcentimetre nodule, RIGHT lobe"
    spans = {chip.text: [text[a:b] for a, b in chip.spans] for chip in chips(read(text))}
    assert spans == {"right lobe": ["RIGHT lobe"], "under 10 mm": ["Subcentimetre"]}


@pytest.mark.parametrize("kind", ["missing", "folder", "binary", "none"])
def test_bad_input_is_one_line_and_exit_2(kind, tmp_path, capsys):
    path = tmp_path / "texts.txt"
    if kind == "folder":
        path.mkdir()
    elif kind == "binary":
        path.write_bytes(b"left\xff\xfe lobe")
    with pytest.raises(SystemExit) as stopped:
        main(["read"] if kind == "none" else ["read", "--file", str(path)])
    assert stopped.value.code == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_the_command_loads_no_network_library():
    code = (
        "import sys; from lsms_core.cli.main import cli;"
        "cli.main(['read', 'left lobe'], standalone_mode=False);"
        "print(sorted({'torch', 'transformers', 'onnxruntime'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
