"""The doors to the world: each wraps one outside thing, none knows Prefect."""
