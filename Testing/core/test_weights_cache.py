"""Models come from folders, zips and downloads, whole or not at all."""

from __future__ import annotations

import contextlib
import http.server
import json
import subprocess
import sys
import threading
import time
import zipfile

import pytest

from lsms_core.errors import BundleError, CancelledError, InputError, OutputError
from lsms_core.models import weights_cache
from lsms_core.models.installed import find_bundle, search_path, user_models_folder
from lsms_core.models.manifest import sha256, verify_bundle, write_manifest
from lsms_core.models.weights_cache import DOWNLOADS, WeightsCache
from lsms_core.models.weights_download import BackgroundDownload, download_model

pytestmark = pytest.mark.slow

WEIGHTS = bytes(range(256)) * 20000  # 5 MB: more than one block


def make_model(folder, name="tiny", version="1.0", weights=WEIGHTS):
    (folder / "tokenizer").mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "tokenizer" / "vocab.txt").write_text("[PAD]\nlesion\n", "utf-8")
    (folder / "MODEL_CARD.md").write_text("# Tiny\n", "utf-8")
    config = {"format": 1, "engine": "lsms", "name": name, "version": version}
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    write_manifest(folder)
    return folder


def make_zip(folder, path, top=""):
    with zipfile.ZipFile(path, "w") as archive:  # stored: offsets in it are offsets in the file
        for file in sorted(f for f in folder.rglob("*") if f.is_file()):
            archive.write(file, top + file.relative_to(folder).as_posix())
    return path


def leftovers(cache):
    return sorted(p.name for p in cache.root.iterdir()) if cache.root.exists() else []


@pytest.fixture
def cache(tmp_path):
    return WeightsCache(tmp_path / "cache")


@pytest.fixture
def model(tmp_path):
    return make_model(tmp_path / "source")


@pytest.fixture
def archive(model, tmp_path):
    return make_zip(model, tmp_path / "tiny.zip", top="tiny-1.0/")


@pytest.fixture
def server(archive):
    """Serves one file over loopback, with ranges; breaks off after ``stop_after`` bytes."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            data, self.server.ranges = (
                self.server.data,
                [
                    *self.server.ranges,
                    self.headers.get("Range"),
                ],
            )
            if self.path != "/tiny.zip":
                self.send_error(404, "Not Found")
                return
            start = 0
            wanted = self.headers.get("Range")
            if wanted and self.server.ranged:
                start = int(wanted.removeprefix("bytes=").rstrip("-"))
                if start >= len(data):
                    self.send_error(416)
                    return
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            body = data[start:]
            stop, self.server.stop_after = self.server.stop_after, None
            with contextlib.suppress(OSError):  # a client that cancels hangs up
                self.wfile.write(body if stop is None else body[:stop])

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        httpd.data, httpd.ranges, httpd.ranged, httpd.stop_after = (
            archive.read_bytes(),
            [],
            True,
            None,
        )
        httpd.url = f"http://127.0.0.1:{httpd.server_address[1]}/tiny.zip"
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield httpd
        httpd.shutdown()


def test_the_default_cache_is_where_models_are_looked_up():
    assert WeightsCache().root == user_models_folder()
    assert user_models_folder() in search_path()


@pytest.mark.parametrize("top", ["", "tiny-1.0/", "deep/er/"])
def test_a_zip_is_installed_under_the_models_own_name(cache, model, tmp_path, top):
    path = cache.install(make_zip(model, tmp_path / "x.zip", top))
    assert path == cache.root / "tiny"
    verify_bundle(path)
    assert (path / "model.safetensors").read_bytes() == WEIGHTS
    assert leftovers(cache) == ["tiny"]


def test_a_folder_is_installed_found_by_name_and_removed(cache, model, monkeypatch):
    seen = []
    cache.install(model, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1] > len(WEIGHTS)
    monkeypatch.setenv("LSMS_MODELS", str(cache.root))
    assert find_bundle("tiny") == cache.root / "tiny"
    (entry,) = [m for m in cache.installed() if m.name == "tiny"]
    assert (entry.version, entry.engine, entry.removable) == ("1.0", "lsms", True)
    assert cache.remove("tiny") == entry.size_bytes > len(WEIGHTS)
    assert leftovers(cache) == []


def test_models_that_came_with_the_software_are_listed_and_not_removable(
    cache, tmp_path, monkeypatch
):
    make_model(tmp_path / "shipped" / "tiny")
    monkeypatch.setenv("LSMS_MODELS", str(tmp_path / "shipped"))
    (entry,) = [m for m in cache.installed() if m.name == "tiny"]
    assert not entry.removable
    with pytest.raises(InputError, match="holds no 'tiny'"):
        cache.remove("tiny")


def test_a_newer_version_replaces_the_older_one(cache, model, tmp_path):
    cache.install(model)
    cache.install(make_model(tmp_path / "newer", version="2.0", weights=b"new"))
    assert (cache.root / "tiny" / "model.safetensors").read_bytes() == b"new"
    assert leftovers(cache) == ["tiny"]


def test_a_damaged_model_leaves_the_installed_one_alone(cache, model, tmp_path):
    cache.install(model)
    bad = make_model(tmp_path / "bad", weights=b"x")
    (bad / "model.safetensors").write_bytes(b"y")
    with pytest.raises(BundleError, match="altered or damaged"):
        cache.install(bad)
    assert (cache.root / "tiny" / "model.safetensors").read_bytes() == WEIGHTS
    assert leftovers(cache) == ["tiny"]


def test_a_cut_zip_and_other_files_are_refused(cache, archive, tmp_path):
    cut = tmp_path / "cut.zip"
    cut.write_bytes(archive.read_bytes()[:100000])
    with pytest.raises(BundleError, match="not a whole zip"):
        cache.install(cut)
    with pytest.raises(InputError, match="does not exist"):
        cache.install(tmp_path / "nothing.zip")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BundleError, match="holds no model"):
        cache.install(tmp_path / "empty")
    assert leftovers(cache) == []


@pytest.mark.parametrize(
    "name", ["../evil.txt", "/etc/evil.txt", "a/../../evil.txt", "C:/evil.txt", "..\\evil.txt"]
)
def test_a_zip_cannot_write_outside_its_folder(cache, model, tmp_path, name):
    path = make_zip(model, tmp_path / "slip.zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, b"evil")
    with pytest.raises(BundleError, match="unsafe path"):
        cache.install(path)
    assert leftovers(cache) == []
    assert not list(tmp_path.rglob("evil.txt"))


def test_a_link_in_a_zip_is_refused(cache, model, tmp_path):
    path = make_zip(model, tmp_path / "link.zip")
    with zipfile.ZipFile(path, "a") as archive:
        entry = zipfile.ZipInfo("tokenizer/link")
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, "/etc")
    with pytest.raises(BundleError, match="unsafe path"):
        cache.install(path)


def test_pickles_and_names_that_are_no_folder_are_refused(cache, tmp_path):
    pickled = make_model(tmp_path / "pickled")
    (pickled / "extra.pt").write_bytes(b"x")
    write_manifest_again(pickled)
    with pytest.raises(BundleError, match="only safetensors"):
        cache.install(pickled)
    with pytest.raises(BundleError, match="folder's name"):
        cache.install(make_model(tmp_path / "named", name="../up"))
    assert leftovers(cache) == []


def write_manifest_again(folder):
    (folder / "manifest.json").unlink()
    write_manifest(folder)


def test_too_small_a_disk_is_refused_before_anything_is_written(cache, model, monkeypatch):
    usage = weights_cache.shutil.disk_usage(model)._replace(free=1000)
    monkeypatch.setattr(weights_cache.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(OutputError, match="0 MB free and the model needs 5 MB"):
        cache.install(model)
    assert leftovers(cache) == []


@pytest.mark.skipif(sys.platform == "win32", reason="limits on file sizes are a Unix matter")
def test_a_disk_that_fills_up_leaves_nothing_half_written(cache, model):
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(WEIGHTS) // 2, hard))
    try:
        with pytest.raises(OutputError, match="the disk is full"):
            cache.install(model)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert leftovers(cache) == []


def test_cancelling_an_installation_leaves_nothing(cache, model):
    calls = iter([False, False, True])
    with pytest.raises(CancelledError, match="unchanged"):
        cache.install(model, cancelled=lambda: next(calls))
    assert leftovers(cache) == []


def test_remove_keeps_to_the_cache(cache, model):
    cache.install(model)
    for name in ("../source", "other", ""):
        with pytest.raises(InputError, match="nothing to remove"):
            cache.remove(name)
    assert model.is_dir()


def test_a_download_is_checked_and_installed(cache, server, archive):
    seen = []
    path = download_model(
        server.url, sha256(archive).upper(), cache, progress=lambda *numbers: seen.append(numbers)
    )
    verify_bundle(path)
    assert seen[-1] == (len(server.data), len(server.data))
    assert leftovers(cache) == [DOWNLOADS, "tiny"]
    assert list((cache.root / DOWNLOADS).iterdir()) == []


def test_a_half_finished_download_goes_on_where_it_stopped(cache, server, archive):
    server.stop_after = 2_000_000
    with pytest.raises(BundleError, match=r"stopped after 1\.9 MB.*Download again"):
        download_model(server.url, sha256(archive), cache)
    (partial,) = (cache.root / DOWNLOADS).iterdir()
    assert partial.stat().st_size == 2_000_000
    verify_bundle(download_model(server.url, sha256(archive), cache))
    assert server.ranges == [None, "bytes=2000000-"]


def test_a_server_without_ranges_sends_everything_again(cache, server, archive):
    server.stop_after, server.ranged = 2_000_000, False
    with pytest.raises(BundleError, match="stopped after"):
        download_model(server.url, sha256(archive), cache)
    verify_bundle(download_model(server.url, sha256(archive), cache))


def test_a_cancelled_download_is_kept_and_clear_removes_it(cache, server, archive):
    calls = iter([False, False, True])
    with pytest.raises(CancelledError, match="cancelled"):
        download_model(server.url, sha256(archive), cache, cancelled=lambda: next(calls))
    (partial,) = (cache.root / DOWNLOADS).iterdir()
    size = partial.stat().st_size
    assert size > 0
    assert cache.clear() == size
    assert leftovers(cache) == []


def test_another_file_than_promised_is_deleted(cache, server):
    with pytest.raises(BundleError, match="SHA-256 differs"):
        download_model(server.url, "0" * 64, cache)
    assert list((cache.root / DOWNLOADS).iterdir()) == []


def test_a_partial_file_that_is_too_long_is_begun_again(cache, server, archive):
    folder = cache.root / DOWNLOADS
    folder.mkdir(parents=True)
    (folder / f"{sha256(archive)}.part").write_bytes(server.data + b"more")
    verify_bundle(download_model(server.url, sha256(archive), cache))
    assert server.ranges == [f"bytes={len(server.data) + 4}-", None]


def test_addresses_and_checksums_that_cannot_be_used(cache, server):
    for url in ("file:///etc/passwd", "http://example.org/x.zip", "tiny.zip"):
        with pytest.raises(InputError, match="https"):
            download_model(url, "0" * 64, cache)
    with pytest.raises(InputError, match="64 hexadecimal"):
        download_model(server.url, "abc", cache)
    with pytest.raises(BundleError, match="answered 404"):
        download_model(server.url + ".not", "0" * 64, cache)
    url = server.url
    server.shutdown()
    server.server_close()
    with pytest.raises(BundleError, match=r"could not be reached.*folder or a zip"):
        download_model(url, "0" * 64, cache)


def drain(download):
    events, deadline = [], time.monotonic() + 60
    while download.running and time.monotonic() < deadline:
        events += download.poll()
        time.sleep(0.01)
    return events


def test_a_background_download_reports_and_installs(cache, server, archive):
    events = drain(BackgroundDownload(server.url, sha256(archive), cache.root))
    assert [e.kind for e in events if e.kind != "progress"] == ["done"]
    assert events[0].kind == "progress"
    assert events[0].total == len(server.data)
    assert events[-1].folder == cache.root / "tiny"
    verify_bundle(events[-1].folder)


def test_a_background_download_says_why_it_failed_even_when_it_dies(cache, server):
    (event,) = [
        e
        for e in drain(BackgroundDownload(server.url, "0" * 64, cache.root))
        if e.kind != "progress"
    ]
    assert event.kind == "failed"
    assert "SHA-256 differs" in event.message
    dead = [sys.executable, "-c", "raise SystemExit(9)"]
    (event,) = drain(BackgroundDownload(server.url, "0" * 64, cache.root, command=dead))
    assert "ended early" in event.message


def test_the_cache_does_not_load_torch():
    code = (
        "import sys; import lsms_core.models.weights_download; "
        "sys.exit(any(m in sys.modules for m in ('torch', 'transformers', 'safetensors')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
