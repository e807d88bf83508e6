"""Where the worker can run: settings, start scripts and descriptions, never a second code path."""
