"""A cohort is answered once, whole, whatever is killed; what fails is told and stops nothing."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")

from lsms_core.cohort.coordinator import run_cohort  # noqa: E402
from lsms_core.cohort.gallery import write_gallery  # noqa: E402
from lsms_core.cohort.local import run_here, run_processes  # noqa: E402
from lsms_core.cohort.prompts import Prompts, check_prompts, read_prompts  # noqa: E402
from lsms_core.cohort.results import COLUMNS, rows_of, write_tables  # noqa: E402
from lsms_core.cohort.store import CohortStore  # noqa: E402
from lsms_core.cohort.studies import CohortStudy, find_studies  # noqa: E402
from lsms_core.cohort.work import Recipe  # noqa: E402
from lsms_core.errors import InputError, WorkerError  # noqa: E402

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from cohort_fake import answer_json  # noqa: E402

pytestmark = pytest.mark.slow


@pytest.fixture
def cohort(tmp_path, monkeypatch):
    """Make studies from what shall happen to each, and run them."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(HERE), str(HERE.parents[1]))))
    source, output = tmp_path / "in", tmp_path / "out"
    source.mkdir()

    class Cohort:
        folder = output
        log = Path(f"{output}.log")

        def add(self, **studies: object) -> None:
            for name, said in studies.items():
                (source / f"{name}.txt").write_text(str(said), "utf-8")

        @property
        def studies(self):
            return [CohortStudy(p.stem, p) for p in sorted(source.glob("*.txt"))]

        def run(self, processes=0, prompts=("lesion",), **more):
            executor = partial(run_processes, processes=processes) if processes else run_here
            recipe = Recipe("cohort_fake:make", {"log": str(self.log)})
            return run_cohort(
                self.studies, Prompts(tuple(prompts)), CohortStore(output), recipe, executor,
                {"model": "fake"}, **more,
            )  # fmt: skip

        def start(self, processes: int) -> subprocess.Popen:
            command = [sys.executable, HERE / "cohort_run.py", source, output, str(processes)]
            return subprocess.Popen(command, stdout=subprocess.DEVNULL)

        def begun(self) -> list[str]:
            return self.log.read_text("utf-8").split() if self.log.exists() else []

        def table(self) -> list[dict]:
            with (output / "results.csv").open(encoding="utf-8", newline="") as file:
                return list(csv.DictReader(file))

    return Cohort()


def test_errors_of_a_study_stop_nothing(cohort):
    cohort.add(a=0, b="bad", c="bug", d=0)
    seen = []
    summary = cohort.run(progress=lambda *said: seen.append(said[:3]))
    assert (summary.studies, summary.finished, summary.failed) == (4, 2, 2)
    assert [row["study"] for row in cohort.table()] == ["a", "d"]
    with (cohort.folder / "errors.csv").open(encoding="utf-8", newline="") as file:
        errors = list(csv.DictReader(file))
    assert [(e["study"], e["kind"]) for e in errors] == [("b", "InputError"), ("c", "unexpected")]
    assert errors[0]["error"].endswith("b.txt is unusable.")
    assert errors[0]["path"].endswith("b.txt")
    assert seen == [(0, 4, 0), (1, 4, 0), (2, 4, 1), (3, 4, 2), (4, 4, 2)]


def test_going_on_does_only_what_is_missing(cohort):
    cohort.add(a=0, b="bad")
    cohort.run()
    cohort.add(c=0)
    again = cohort.run()
    assert (again.before, again.finished, again.failed) == (1, 2, 1)
    assert Counter(cohort.begun()) == {"a": 1, "b": 1, "c": 1}
    cohort.add(b=0)
    assert cohort.run(retry_errors=True).failed == 0
    assert Counter(cohort.begun()) == {"a": 1, "b": 2, "c": 1}
    assert sorted({row["study"] for row in cohort.table()}) == ["a", "b", "c"]


def test_processes_share_the_work_and_survive_a_death(cohort):
    cohort.add(a=0, b="die", c=0, d=0)
    summary = cohort.run(processes=2)
    assert (summary.finished, summary.failed) == (3, 1)
    # The study is tried once more before it is given up.
    assert Counter(cohort.begun()) == {"a": 1, "b": 2, "c": 1, "d": 1}
    (error,) = CohortStore(cohort.folder).error_rows(["b"])
    assert "signal 9" in error["error"]


def test_a_killed_run_goes_on_where_it_was(cohort):
    """kill -9 in the middle: nothing is lost, nothing is done twice, nothing goes on alone."""
    cohort.add(**{f"s{n:02d}": 0.25 for n in range(12)})
    process = cohort.start(2)
    store = CohortStore(cohort.folder)
    deadline = time.monotonic() + 60
    while not (store.studies.exists() and len(store.finished()) >= 3):
        assert time.monotonic() < deadline, "nothing was finished"
        assert process.poll() is None, "it ended by itself"
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(10)
    kept, begun = store.finished(), cohort.begun()
    assert 3 <= len(kept) < 12
    time.sleep(1.0)
    # Its workers ended with it.
    assert cohort.begun() == begun
    assert store.finished() == kept
    (store.studies / ".partial-s11").mkdir(exist_ok=True)
    summary = cohort.run()
    assert (summary.before, summary.finished, summary.failed) == (len(kept), 12, 0)
    after = Counter(cohort.begun()[len(begun) :])
    assert set(after) == {f"s{n:02d}" for n in range(12)} - kept
    assert set(after.values()) == {1}
    assert [row["study"] for row in cohort.table()] == [f"s{n:02d}" for n in range(12)]
    assert not list(store.studies.glob(".partial*"))


def test_two_runs_do_not_share_a_folder(cohort):
    cohort.add(a=0)
    with (
        CohortStore(cohort.folder).locked(),
        pytest.raises(InputError, match="Another run is working"),
    ):
        cohort.run()


def test_other_settings_and_prompts_are_refused(cohort):
    cohort.add(a=0)
    cohort.run()
    with pytest.raises(InputError, match="to other prompts"):
        cohort.run(prompts=("cyst",))
    store = CohortStore(cohort.folder)
    with pytest.raises(InputError, match="begun with other model"):
        store.check_settings({"model": "another"})


def test_a_model_that_cannot_be_loaded_ends_the_run(cohort):
    cohort.add(a=0)
    recipe = Recipe("cohort_fake:nothing", {})
    with pytest.raises(WorkerError, match="nothing"):
        list(run_processes([*map(_task, cohort.studies)], recipe, 1))


def _task(study):
    from lsms_core.cohort.work import Task

    return Task(study, ("lesion",))


def test_an_interrupted_writing_leaves_no_study(tmp_path, monkeypatch):
    store = CohortStore(tmp_path / "out")
    with store.locked():
        monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            store.write("a", {"answer.json": b"{}", "b": b"x"})
        assert store.finished() == set()
        assert not list(store.studies.iterdir())


def test_tables_hold_a_row_for_each_lesion(tmp_path):
    import pyarrow.parquet

    studies = [answer_json("a", ["x", "y"], lesions=2), answer_json("b", ["x"], lesions=0)]
    assert write_tables(tmp_path, studies) == 5
    table = pyarrow.parquet.read_table(tmp_path / "results.parquet")
    assert table.column_names == list(COLUMNS)
    rows = table.to_pylist()
    assert [(r["study"], r["prompt"], r["lesion"]) for r in rows] == [
        ("a", "x", 1), ("a", "x", 2), ("a", "y", 1), ("a", "y", 2), ("b", "x", None),
    ]  # fmt: skip
    assert rows[0]["longest_mm"] == 21.0
    assert (rows[0]["segments"], rows[0]["first_slice"], rows[0]["x_ras"]) == ("7 8", 2, 50.0)
    assert rows[4]["present"] is False
    with (tmp_path / "results.csv").open(encoding="utf-8", newline="") as file:
        plain = list(csv.DictReader(file))
    assert [r["lesion"] for r in plain] == ["1", "2", "1", "2", ""]
    assert {k for row in studies for r in rows_of(row) for k in r} <= set(COLUMNS)


def test_an_empty_cohort_has_tables(tmp_path):
    import pyarrow.parquet

    assert write_tables(tmp_path, []) == 0
    assert pyarrow.parquet.read_table(tmp_path / "results.parquet").num_rows == 0


def test_the_gallery_shows_the_worst_doubts_first(tmp_path):
    studies = [
        answer_json("calm", ["x"]),
        answer_json("worst", ["<b>x</b>"], doubt=40.0),
        answer_json("odd", ["x"], doubt=5.0),
    ]
    page = write_gallery(tmp_path, studies, failed=2).read_text("utf-8")
    assert page.index(">worst<") < page.index(">odd<") < page.index(">calm<")
    assert "&lt;b&gt;x&lt;/b&gt;" in page
    assert "<b>x" not in page
    assert '<a href="errors.csv">2 failed</a>' in page
    assert "http" not in page
    assert "not a medical device" in page


def test_a_large_gallery_has_pages(tmp_path):
    (tmp_path / "index-9.html").write_text("old", "utf-8")
    write_gallery(tmp_path, (answer_json(f"s{n:04d}", ["x"]) for n in range(250)))
    assert sorted(p.name for p in tmp_path.glob("index*.html")) == [
        "index-2.html", "index-3.html", "index.html",
    ]  # fmt: skip
    assert (tmp_path / "index-3.html").read_text("utf-8").count("<article>") == 50


def test_studies_of_a_folder(tmp_path):
    for name in (
        "a/image.nii.gz", "a/label.nii.gz", "b/CT.nrrd", "b/CT.seg.nrrd", "c/old/scan 1.mha",
        "c/liver_mask.nrrd", "c/notes.txt", ".hidden/x.nii", "unsegmented.nii",
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    series = tmp_path / "d" / "series"
    series.mkdir(parents=True)
    (series / "I0001").write_bytes(b"\0" * 128 + b"DICM")
    found = find_studies(tmp_path)
    assert {s.path.relative_to(tmp_path).as_posix() for s in found} == {
        "a/image.nii.gz", "b/CT.nrrd", "c/old/scan 1.mha", "d/series", "unsegmented.nii",
    }  # fmt: skip
    names = {s.path.name: s.name for s in found}
    assert names["image.nii.gz"] == "a"
    assert names["series"] == "d__series"
    assert names["scan 1.mha"].startswith("c__old__scan_1-")
    assert len({s.name.casefold() for s in found}) == len(found)


def test_studies_of_a_table(tmp_path):
    table = tmp_path / "cohort.csv"
    table.write_text(
        "Study,path,series,prompt,age\np1,a.nii,,cyst,60\np1,a.nii,,mass,60\n,sub/b.nii,2,,50\n",
        "utf-8",
    )
    one, two = find_studies(table)
    assert (one.name, one.path, one.prompts) == ("p1", tmp_path / "a.nii", ("cyst", "mass"))
    assert (two.name, two.series, two.prompts) == ("sub__b", "2", ())
    table.write_text("file\na.nii\n", "utf-8")
    with pytest.raises(InputError, match='no column "path"'):
        find_studies(table)
    with pytest.raises(InputError, match="holds no study"):
        find_studies(tmp_path)


def test_prompts(tmp_path):
    path = tmp_path / "prompts.csv"
    path.write_text("prompt,study\nlesion,\ncyst,a\nlesion,\n", "utf-8")
    prompts = read_prompts(path, ("mass",))
    a, b = CohortStudy("a", path, prompts=("own",)), CohortStudy("b", path)
    assert prompts.of(a) == ("lesion", "mass", "own", "cyst")
    assert prompts.of(b) == ("lesion", "mass")
    check_prompts([a, b], prompts)
    with pytest.raises(InputError, match="unknown studies"):
        check_prompts([b], prompts)
    with pytest.raises(InputError, match="Nothing is asked of 1 studies"):
        check_prompts([b], Prompts())
    path.with_suffix(".txt").write_text("left lobe lesion\n\ncyst\n", "utf-8")
    assert read_prompts(path.with_suffix(".txt")).everywhere == ("left lobe lesion", "cyst")
    path.write_text("word\nlesion\n", "utf-8")
    with pytest.raises(InputError, match='no column "prompt"'):
        read_prompts(path)


def test_answer_files_are_json(cohort):
    cohort.add(a=0)
    cohort.run()
    content = (cohort.folder / "studies" / "a" / "answer.json").read_text("utf-8")
    assert json.loads(content)["study"] == "a"
    assert (cohort.folder / "studies" / "a" / "mask.bin").read_bytes() == b"x" * 100
