"""The markets behind the named fixtures, each made to prove one behaviour (CORE-07)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from grinder_adapters.synthetic.adaptive_fixtures import ADAPTIVE_SCENES
from grinder_adapters.synthetic.depth_fixtures import DEPTH_SCENES
from grinder_adapters.synthetic.fixture_scene import FixtureScene
from grinder_adapters.synthetic.selection_fixtures import SELECTION_SCENES
from grinder_adapters.synthetic.static_fixtures import STATIC_SCENES

SCENES: Final[Mapping[str, FixtureScene]] = {
    **STATIC_SCENES,
    **SELECTION_SCENES,
    **ADAPTIVE_SCENES,
    **DEPTH_SCENES,
}
