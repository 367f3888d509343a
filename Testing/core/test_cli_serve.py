"""``lsms serve`` as its users meet it: the real command and model, asked by the command line."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest

pytest.importorskip("aiohttp", reason="the server's package, of the extra 'serve'")
pytest.importorskip("prometheus_client", reason="the server's package, of the extra 'serve'")

from lsms_core.io.nifti import write_nifti
from lsms_core.io.volumes import read_volume
from lsms_core.phantom import make_phantom
from lsms_core.service.service_client import ServiceClient
from lsms_core.worker.client import WorkerClient

PATIENCE_S = 240
TEXTS = ["left lobe lesion", "largest lesion"]


@pytest.fixture(scope="module")
def ct_path(tmp_path_factory) -> Path:
    ct = make_phantom(2, shape=(8, 96, 128)).ct
    path = tmp_path_factory.mktemp("ct") / "ct.nii.gz"
    write_nifti(path, ct.array, ct.affine, "synthetic")
    return path


@contextlib.contextmanager
def serving(*arguments, folder, **environment):
    """Run ``lsms serve``; give its process and the lines that it prints first."""
    root = str(Path(__file__).resolve().parents[2])
    command = [sys.executable, "-m", "lsms_core", "serve", "--port", "0", *map(str, arguments)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder,
        env={**os.environ, "PYTHONPATH": root, **environment},
    ) as process:  # fmt: skip
        try:
            lines = [process.stdout.readline() for _ in range(2)]
            assert all(lines), process.stderr.read()
            yield process, lines
        finally:
            if process.poll() is None:
                process.kill()


def url_of(lines):
    return next(word for word in lines[0].split() if "://" in word).rstrip(":")


@pytest.mark.slow
def test_the_servers_answers_are_those_of_this_computer(ct_path, tmp_path, lsms):
    token = tmp_path / "token"
    volume = read_volume(ct_path).volume
    model = {"weights": "lsms-tiny", "engine": None, "device": "cpu"}
    with (
        serving("--device", "cpu", "--token-file", token,
                folder=tmp_path) as (process, lines),
        ServiceClient(url_of(lines), token.read_text()) as remote,
        WorkerClient() as local,
    ):  # fmt: skip
        assert str(token) in lines[1]
        for ask in (
            lambda client, one: client.search(
                volume.array, volume.affine, model=one, slices=[2, 3], threshold=0.4
            ),
            lambda client, one: client.ask(
                volume.array, volume.affine, TEXTS, model=one, plane="coronal", slices=[40]
            ),
            lambda client, one: client.segment(
                volume.array, volume.affine, TEXTS, model=one, slices=[4]
            ),
            lambda client, one: client.explain(
                volume.array, volume.affine, TEXTS[0], model=one, index=4
            ),
            lambda client, one: client.ask(volume.array, volume.affine, ["?!"], model=one),
            lambda client, one: client.search(volume.array, volume.affine, model=one, slices=[99]),
        ):
            there = remote.wait(ask(remote, model), PATIENCE_S)
            here = local.wait(ask(local, model), PATIENCE_S)
            assert there.kind == here.kind
            assert _without_times(there.fields) == _without_times(here.fields)
            assert there.arrays.keys() == here.arrays.keys()
            for name, array in there.arrays.items():
                assert array.dtype == here.arrays[name].dtype
                np.testing.assert_array_equal(array, here.arrays[name])
        # The same from the command line, files and all.
        written = []
        for name, more in (
            ("there", ["--server", url_of(lines), "--token-file", token]),
            ("here", ["--device", "cpu"]),
        ):
            output = tmp_path / f"{name}.nii.gz"
            ran = lsms(
                "segment", ct_path, "--text", TEXTS[1], "--slices", "2:3", "--output", output, *more
            )
            assert ran.status == 0, ran.err
            written.append((ran.out.replace(name, ""), np.asarray(nibabel.load(output).dataobj)))
        assert written[0][0] == written[1][0]
        np.testing.assert_array_equal(written[0][1], written[1][1])
        if os.name == "posix":
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=PATIENCE_S) == 0
    # Nothing but the token and what the client wrote was written.
    assert {path.name for path in tmp_path.iterdir()} == {"token", "there.nii.gz", "here.nii.gz"}


def _without_times(fields):
    return {key: value for key, value in fields.items() if key not in ("seconds", "request")}


@pytest.mark.slow
def test_on_this_computer_a_token_is_made_and_printed(ct_path, tmp_path, lsms,
                                                      monkeypatch):  # fmt: skip
    environment = {"LSMS_SERVER_TOKEN": ""}
    with serving(folder=tmp_path, **environment) as (_, lines):
        token = lines[1].removeprefix("Token: ").strip()
        assert len(token) > 40
        ask = ("segment", ct_path, "--text", "lesion", "--slice", 2, "--weights", "lsms-tiny")
        ran = lsms(*ask, "--server", url_of(lines))
        assert (ran.status, ran.out) == (2, "")
        assert "LSMS_SERVER_TOKEN" in ran.err
        monkeypatch.setenv("LSMS_SERVER_TOKEN", token[::-1])
        ran = lsms(*ask, "--server", url_of(lines))
        assert ran.status == 2
        assert "does not accept the token" in ran.err
        monkeypatch.setenv("LSMS_SERVER_TOKEN", token)
        assert lsms(*ask, "--server", url_of(lines)).status == 0
        ran = lsms(*ask[:-1], "other", "--server", url_of(lines))
        assert ran.status == 2
        assert "has no model 'other': choose lsms-tiny" in ran.err
    ran = lsms(*ask, "--server", url_of(lines))
    assert ran.status == 2
    assert "No engine's server answers" in ran.err


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "ward"])
def test_an_address_that_others_reach_needs_a_token(lsms, monkeypatch, host):
    monkeypatch.delenv("LSMS_SERVER_TOKEN", raising=False)
    ran = lsms("serve", "--host", host)
    assert ran.status == 2
    assert "needs a token" in ran.err
    assert ran.out == ""


@pytest.mark.slow
def test_an_address_that_others_reach_is_said_to_need_tls(tmp_path):
    with serving(
        "--host", "0.0.0.0", folder=tmp_path,
        LSMS_SERVER_TOKEN="a-token-for-the-tests",
    ) as (process, lines):  # fmt: skip
        assert "The token is that of $LSMS_SERVER_TOKEN" in lines[1]
        said = process.stderr.readline()
        while "lsms:" not in said:
            assert said
            said = process.stderr.readline()
        assert "unencrypted" in said
        assert "--certfile" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--weights", "nowhere"), "No model 'nowhere'"),
        (("--keyfile", __file__), "goes with --certfile"),
        (("--certfile", __file__), "cannot be used with its key"),
        (("--host", "192.0.2.1"), "Nothing can listen at 192.0.2.1"),
    ],
)
def test_what_cannot_be_served_is_said_in_one_line(lsms, monkeypatch, arguments, said):
    monkeypatch.setenv("LSMS_SERVER_TOKEN", "a-token-for-the-tests")
    ran = lsms("serve", *arguments)
    assert ran.status == 2
    assert said in ran.err
    assert len(ran.err.splitlines()) == 1


def test_the_servers_options_need_a_server(lsms, ct_path, tmp_path):
    ran = lsms("segment", ct_path, "--text", "lesion", "--token-file", tmp_path / "token")
    assert ran.status == 2
    assert "go with --server" in ran.err
