"""Acts on the world: Prefect, network, processes, clock."""
