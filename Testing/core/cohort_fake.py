"""Answers studies without a model; it is imported by the workers of the cohort's tests.

A study's file says what shall happen: a time in seconds, "bad" for an unusable study, "die" for a
process that is killed. Every study that is begun leaves a line in ``log``.
"""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

from lsms_core.errors import InputError


def answer_json(name: str, prompts, *, doubt: float = 0.0, lesions: int = 1) -> dict:
    """The content of an answer.json with so many lesions in each answer."""
    lesion = {
        "number": 1, "plane": "axial", "longest_mm": 21.0, "perpendicular_mm": 12.0,
        "area_mm2": 200.0, "volume_ml": 3.5, "mean_hu": 40.0, "sd_hu": 9.0, "contrast_hu": -50.0,
        "attenuation": "hypodense", "capsule_mm": 4.0, "location": None, "sides": ["right"],
        "segments": ["7", "8"], "diameter_slice": 3, "slices": [2, 4], "score": 0.9,
        "centroid_ras": [50.0, 1.0, 2.0], "place": "right lobe", "decision": "kept",
        "reasons": [],
    }  # fmt: skip
    return {
        "study": name, "path": f"/data/{name}", "prompts": list(prompts), "seconds": 0.5,
        "model": {"name": "fake", "version": "1"}, "files": ["answer.json"],
        "answers": [
            {
                "text": prompt, "reading": {"understood": True, "unread": []},
                "reading_words": "any lesion", "region": "lesions", "present": lesions > 0,
                "message": f'Found "{prompt}".', "score": 0.9, "threshold": 0.5,
                "kept": [{**lesion, "number": n + 1} for n in range(lesions)], "dropped": [],
                "notes": [], "doubt": {"points": doubt, "reasons": ["a reason"] if doubt else []},
            }
            for prompt in prompts
        ],
    }  # fmt: skip


def make(log: str):
    """Make what answers a study."""

    def answering(task):
        said = task.study.path.read_text("utf-8").strip()
        with Path(log).open("a", encoding="utf-8") as file:
            file.write(f"{task.study.name}\n")
        if said == "bad":
            raise InputError(f"{task.study.path} is unusable.")
        if said == "bug":
            raise KeyError("a bug")
        if said == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(float(said))
        content = json.dumps(answer_json(task.study.name, task.prompts))
        return {"answer.json": content.encode(), "mask.bin": b"x" * 100}

    return answering
