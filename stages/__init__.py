"""Thinks: pure Python over pydantic and jinja2. No network, process, clock or environment."""
