"""Of every property a few examples, other ones each run; EXAMPLES=300 for so many of each (`make e2e`)."""

import os

from hypothesis import HealthCheck, settings

EXAMPLES = int(os.environ.get("EXAMPLES", "10"))

settings.register_profile("stages", max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("stages")
