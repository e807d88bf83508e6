"""Of every property a few examples, other ones each run."""

from hypothesis import HealthCheck, settings

settings.register_profile("stages", max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("stages")
