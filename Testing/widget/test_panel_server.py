"""The panel with a real server on loopback: set by its address, asked, cancelled, killed."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("aiohttp", reason="the server's package, of the extra 'serve'")
pytest.importorskip("prometheus_client", reason="the server's package, of the extra 'serve'")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "core"))

pytestmark = pytest.mark.slow
PATIENCE_S = 120


@pytest.fixture
def server(tmp_path):
    from service_process import Server

    with Server(tmp_path, step=0.03) as one:
        yield one


@pytest.fixture
def live(entry, request):
    """The panel as it opens, with no stand-in."""
    import qt
    import shim
    from panel_driver import Driver

    shim.use_pythonqt_attributes(["panel_driver", request.module.__name__])
    qt.QSettings().clear()
    driver = Driver(entry, None)
    array = np.full((60, 24, 32), 50, np.int16)
    array[1:3, 4:10, 4:10] = 150
    driver.volume = driver.add_volume(array=array)
    driver.widget.enter()
    driver.settle()
    driver.parameters.model = "fake"
    driver.parameters.where = sys.modules["LSMSSegmentationLib.ParameterNode"].Where.WholeVolume
    yield driver
    qt.QSettings().clear()
    driver.close()


def until(driver, good):
    deadline = time.monotonic() + PATIENCE_S
    while not good():
        assert time.monotonic() < deadline, driver.status
        driver.slicer.app.processEvents()
        time.sleep(0.005)


def write(driver, address, token):
    part = driver.panel.server
    part.addressEdit.text, part.tokenEdit.text = address, token
    part.use()
    return part


def use(driver, server):
    from service_process import TOKEN

    part = write(driver, server.url, TOKEN)
    until(driver, lambda: "Asking" not in part.statusLabel.text)
    assert "The server answered" in part.statusLabel.text


def start(driver, text="lesion"):
    from PySide6.QtCore import Qt

    driver.type(text)
    driver.press(Qt.Key_Escape)
    driver.press(Qt.Key_Return)


def test_a_server_that_is_set_answers_and_its_token_stays_out_of_the_scene(live, server):
    from service_process import TOKEN

    use(live, server)
    assert "images are sent there" in live.ui.workerLabel.text
    assert not live.ui.stopWorkerButton.enabled
    start(live)
    assert live.session.busy
    until(live, lambda: not live.session.busy)
    assert live.status.startswith("Found")
    assert len(live.segments()) == 1
    assert live.mask(next(iter(live.segments())), live.volume).sum() == 2 * 6 * 6
    scene = live.slicer.mrmlScene
    scene.SetSaveToXMLString(1)
    scene.Commit()
    scene.SetSaveToXMLString(0)  # the scene is that of the tests that follow, too
    assert TOKEN not in scene.GetSceneXMLString()
    assert str(server.port) not in scene.GetSceneXMLString()
    # No process of this computer was needed.
    assert live.session.controller._client.process_id is None
    # And back to this computer.
    part = write(live, "", "")
    assert part.statusLabel.text == "This computer runs the engine."
    assert live.session.controller._client is None
    assert "images are sent" not in live.ui.workerLabel.text


def test_a_wrong_token_or_address_is_said_and_nothing_is_changed(live, server):
    from LSMSSegmentationLib import ServerSettings

    for address, token, said in (
        (server.url, "a-token-of-somebody-else", "does not accept the token"),
        (server.url, "", "fewer than"),
        ("ftp://x", "a-token-of-somebody-else", "is no server's address"),
        ("http://127.0.0.1:9", "a-token-of-somebody-else", "No engine's server answers"),
    ):
        part = write(live, address, token)
        until(live, lambda part=part: "Asking" not in part.statusLabel.text)
        assert said in part.statusLabel.text
        assert ServerSettings.address() == ""


def test_cancel_and_a_server_killed_in_the_middle_of_a_run_leave_the_scene_alone(live, server):
    use(live, server)
    start(live)
    until(live, lambda: live.status.startswith("Slice"))
    live.click(live.ui.runButton)
    assert live.status == "Cancelled; nothing was changed."
    server.eventually(lambda: server.engine_lines("cancelled"))
    start(live)
    until(live, lambda: live.status.startswith("Slice"))
    told = []
    live.session.addListener(type("Told", (), {"runFailed": staticmethod(told.append)}))
    server.process.kill()
    until(live, lambda: not live.session.busy)
    assert len(told) == 1
    assert "was lost in the middle of the run" in live.status
    assert "Nothing was changed" in live.status
    assert live.segments() == {}
    start(live)
    until(live, lambda: not live.session.busy)
    assert "No engine's server answers" in live.status
    assert live.segments() == {}
