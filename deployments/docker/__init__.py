"""One image, several servers, several workers: see compose.yaml."""
