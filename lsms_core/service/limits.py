"""The limits of a server: sizes, numbers and times."""

from __future__ import annotations

from dataclasses import dataclass

MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Limits:
    """The server's limits; with them its memory and its waiting times are bounded.

    Attributes:
        image_bytes: the largest image.
        uploads_bytes: requests being received, all together.
        images_bytes: images that are kept, all together; those asked for last stay.
        candidates_bytes: searches that are kept, all together.
        connections: at once; one more is turned away.
        waiting: requests at once, being received, waiting or running.
        waiting_each: the same for each client.
        texts: in one request.
        text_length: characters of a text.
        head_seconds: until a connection has said what it wants.
        stall_seconds: without a byte, while a request is received or an answer taken.
        run_seconds: until a run is cancelled.
        told_seconds: a client hears something at least as often.
    """

    image_bytes: int = 1024 * MEBIBYTE
    uploads_bytes: int = 2048 * MEBIBYTE
    images_bytes: int = 4096 * MEBIBYTE
    candidates_bytes: int = 2048 * MEBIBYTE
    connections: int = 128
    waiting: int = 64
    waiting_each: int = 8
    texts: int = 64
    text_length: int = 2000
    head_seconds: float = 10.0
    stall_seconds: float = 30.0
    run_seconds: float = 1800.0
    told_seconds: float = 5.0
