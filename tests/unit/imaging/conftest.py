"""One Studio and one cutout of each portrait for all of imaging's tests: loading and matting are what takes time."""

from __future__ import annotations

from functools import cache

import pytest

from services.imaging.pipeline.cutout import Cutout
from services.imaging.pipeline.studio import Studio, StudioSettings
from tests.portraits import builders


@cache
def loaded_studio() -> Studio:
    """The Studio with the embedded model, on two threads."""
    return Studio.load(StudioSettings(threads=2))


@cache
def cut_out(name: str) -> Cutout:
    """A portrait's cutout."""
    studio = loaded_studio()
    return studio.matte([studio.prepare(builders.portrait(name))])[0]


@pytest.fixture(scope="session")
def studio() -> Studio:
    """The Studio all tests share; it keeps no photo."""
    return loaded_studio()


@pytest.fixture(params=["astronaut", "biden", "obama"])
def cutout(request: pytest.FixtureRequest) -> Cutout:
    """The cutout of each good portrait in turn."""
    return cut_out(request.param)


@pytest.fixture(scope="session")
def obama() -> Cutout:
    """The cutout of the straightest portrait."""
    return cut_out("obama")
