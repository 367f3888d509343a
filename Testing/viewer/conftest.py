"""``lsms viewer`` as its user has it: the real command, a real browser, typing and clicking."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).resolve().parent))

from page_driver import SECONDS, TOKEN, PageDriver  # noqa: E402


@pytest.fixture(scope="session")
def ct():
    """A small synthetic CT with a lesion in each lobe: 20 slices, the right one in 8 to 12."""
    from lsms_core.phantom import PlacedLesion, make_phantom
    from lsms_core.phantom.synthesis.spec import LesionSpec

    lesions = [
        PlacedLesion("left", LesionSpec(22.0, -52.0, irregularity=0.12), clear_mm=32.0),
        PlacedLesion("right", LesionSpec(38.0, -55.0, irregularity=0.15), inner=True),
    ]
    return make_phantom(0, lesions=lesions, shape=(20, 136, 184)).ct


@pytest.fixture(scope="session")
def folder(ct, tmp_path_factory):
    from lsms_core.io.nifti import write_nifti

    path = tmp_path_factory.mktemp("studies")
    write_nifti(path / "liver.nii.gz", ct.array, ct.affine, "synthetic CT, no patient's data")
    return path


@pytest.fixture(scope="module")
def address(folder, tmp_path_factory):
    """The page's address without its token; the server ends with the module."""
    log = tmp_path_factory.mktemp("server")
    token_file = log / "token"
    token_file.write_text(TOKEN)
    token_file.chmod(0o600)
    command = [
        sys.executable, "-m", "lsms_core", "viewer", str(folder), "--port", "0", "--no-browser",
        "--device", "cpu", "--token-file", str(token_file),
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    with (log / "out").open("wb") as out, (log / "err").open("wb") as err:
        server = subprocess.Popen(command, stdout=out, stderr=err, env=environment)
    try:
        yield _wait_for_address(server, log)
    finally:
        server.terminate()
        server.wait(30)


def _wait_for_address(server, log):
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        found = re.search(r"Open (http://\S+/)\?token=", (log / "out").read_text())
        if found:
            return found.group(1)
        time.sleep(0.2)
    raise AssertionError(f"no page; the server said: {(log / 'err').read_text()[-2000:]}")


@pytest.fixture(scope="session")
def chromium():
    """Debian's browser, headless."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def page(chromium, address):
    """The page with the CT open; the tests of a module share it, as a radiologist's day does."""
    tab = chromium.new_context(viewport={"width": 1180, "height": 860}).new_page()
    driver = PageDriver(tab, address)
    driver.open()
    yield driver
    tab.context.close()
