"""Whatever the bytes, decoding answers with a picture or with a code, and keeps nothing."""

from __future__ import annotations

import time

import numpy as np
import psutil

from services.imaging.pipeline.decode import decode
from shared.kernel.errors import PhotoRejected
from tests.portraits import mutated

FILES, SECONDS = 600, 40
KEPT_MB = 60


def test_a_damaged_file_gets_a_picture_or_a_code() -> None:
    """Some hundred damaged files (fewer on a slow machine): each answer is one of the two, memory stays flat."""
    until = time.monotonic() + SECONDS
    answers: dict[str, int] = {}
    before = 0
    for seed in range(FILES):
        try:
            photo = decode(mutated.mutated(seed))
            answer = "decoded"
            assert photo.pixels.dtype == np.uint8
            assert photo.pixels.shape[2] == 3
        except PhotoRejected as refused:
            answer = str(refused.actual_code)
        answers[answer] = answers.get(answer, 0) + 1
        if seed == 100:
            before = psutil.Process().memory_info().rss
        if time.monotonic() > until:
            break
    assert {"decoded", "corrupt_image", "unsupported_format"} <= set(answers), answers
    assert set(answers) <= {"decoded", "corrupt_image", "unsupported_format", "too_many_pixels", "too_large"}
    if before:
        assert (psutil.Process().memory_info().rss - before) / 1e6 < KEPT_MB
