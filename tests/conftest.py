"""What all tests share: seeded property tests, and no display."""

from __future__ import annotations

import os

from hypothesis import settings

# The same examples in every run, so that a red test is the change's own doing;
# HYPOTHESIS_PROFILE=explore looks for new ones.
settings.register_profile("seeded", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "seeded"))
